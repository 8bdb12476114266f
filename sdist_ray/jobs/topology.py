"""sdist-ray topology: video or a recording in, the activity topology out."""

from __future__ import annotations

import resource
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sdist_ray import __version__
from sdist_ray.folders import make_folder
from sdist_ray.jobs import topology_live
from sdist_ray.jobs.changes import change_spec, changes_of_recording, with_transits, write_changes
from sdist_ray.jobs.evaluate import evaluate, read_truth
from sdist_ray.jobs.evidence import links_of
from sdist_ray.jobs.ground_plane import place_cameras, write_ground_links
from sdist_ray.jobs.groups import chosen_strategy, in_groups, partition_entry, write_groups
from sdist_ray.jobs.host import host
from sdist_ray.jobs.network import (
    Inputs,
    Outcome,
    camera_entries,
    detector_entry,
    find_inputs,
    run_network,
    write_snapshots,
)
from sdist_ray.jobs.outputs import write_graph, write_json, write_links, write_text, write_windows
from sdist_ray.jobs.overlap_lists import write_overlaps
from sdist_ray.jobs.transit_tables import write_transits
from sdist_ray.jobs.transits import FoundTransits, transits_of_recording
from sdist_ray.report.page import write_report
from sdist_ray.settings import EvaluateJob, TopologyJob
from sdist_ray.topology.change import Change
from sdist_ray.topology.graph import Edges, camera_edges
from sdist_ray.topology.ground_plane.placed import Placed
from sdist_ray.topology.links import Links


@dataclass(frozen=True)
class Learnt:
    """What was learnt of a network; None is what was not looked for."""

    links: Links
    edges: Edges
    placed: Placed | None
    transits: FoundTransits | None
    changes: list[Change] | None


def run(settings: TopologyJob, config: str) -> None:
    """Learn a network's activity topology."""
    if settings.source.kind == "live":
        topology_live.run(settings, config)
        return
    start = time.time()
    chosen_strategy(settings.partition)
    folder = make_folder(settings.output)
    with host(settings.runtime.kind) as where:
        inputs = find_inputs(settings, settings.exclusion.range_s, folder, where)
        inputs = replace(inputs, network=in_groups(inputs.network, settings.partition))
        recording = None if inputs.recording else folder / "occupancy.parquet"
        recorded = inputs.recording or folder / "occupancy.parquet"
        processing = time.time()
        counting = settings.exclusion.counting(inputs.network.grid, inputs.network.clock)
        with run_network(settings, inputs, where, counting, recording) as outcome:
            links = _links(settings, inputs, outcome)
            seconds = time.time() - processing
        placed = None
        if settings.topology.ground_plane.enabled:
            placed = place_cameras(recorded, settings.topology.ground_plane, where)
    learnt = _learn_more(settings, inputs, outcome, links, placed, recorded)
    summary = _summary(settings, inputs, outcome, learnt, seconds)
    _write(folder, inputs, outcome, learnt, config)
    summary["started"] = start
    if inputs.truth is not None:
        truth = read_truth(inputs.truth / "truth_links.parquet")
        summary["evaluation"] = evaluate(folder, truth, EvaluateJob())
    summary["seconds"] = time.time() - start
    write_json(folder / "summary.json", summary)
    page = write_report(folder)
    _tell(folder, page, summary)


def _learn_more(
    settings: TopologyJob,
    inputs: Inputs,
    outcome: Outcome,
    links: Links,
    placed: Placed | None,
    recorded: Path,
) -> Learnt:
    """What follows from links and a ground plane, and what a second look at the recording shows."""
    if placed is None:
        edges = camera_edges(links, settings.topology.least_links)
    else:
        links, edges = placed.agreeing(links), placed.edges(links.cameras)
    transits = changes = None
    if outcome.network.tally.rows:
        transits = transits_of_recording(
            settings.topology.transit, inputs.network, recorded, links, edges, change_spec(settings)
        )
        changes = with_transits(changes_of_recording(settings, inputs.network, recorded), transits)
    return Learnt(links, edges, placed, transits, changes)


def _write(folder: Path, inputs: Inputs, outcome: Outcome, learnt: Learnt, config: str) -> None:
    network, tally = inputs.network, outcome.network.tally
    write_links(folder / "links.parquet", learnt.links)
    write_graph(folder, learnt.edges, transits=None if learnt.transits is None else learnt.transits.pairs)
    write_overlaps(folder, learnt.edges, tally.visits.seen(network.cameras))
    if learnt.placed is not None:
        write_ground_links(folder / "ground_links.parquet", learnt.placed)
    if learnt.transits is not None:
        write_transits(folder, learnt.transits)
    if learnt.changes is not None:
        write_changes(folder / "changes.parquet", learnt.changes, network.cameras, network.clock.fps)
    if tally.held is not None:
        write_groups(folder / "groups.csv", tally.held.groups)
    write_windows(folder / "windows.parquet", network.cameras, tally.visits)
    write_snapshots(folder, outcome)
    write_text(folder / "config.yaml", config)


def _links(settings: TopologyJob, inputs: Inputs, outcome: Outcome) -> Links:
    network = inputs.network
    links = links_of(
        settings.topology, outcome.network.tally, partial(outcome.network.directed_links, network.cameras),
        network.cameras, network.grid.windows,
    )  # fmt: skip
    assert links is not None
    return links


def _summary(
    settings: TopologyJob,
    inputs: Inputs,
    outcome: Outcome,
    learnt: Learnt,
    seconds: float,
) -> dict[str, Any]:
    links, edges = learnt.links, learnt.edges
    network, running, tally = inputs.network, outcome.network, outcome.network.tally
    rows = tally.rows
    frames = sum(report.frames for report in outcome.reports.values())
    cameras = camera_entries(inputs, outcome)
    for entry, component in zip(cameras, edges.component, strict=True):
        entry["component"] = int(component)
    return {
        "version": __version__,
        "command": "topology",
        "source": {"kind": settings.source.kind},
        "runtime": {
            "name": running.name,
            "workers": running.workers,
            "shards": running.shards,
            "recoveries": [asdict(recovery) for recovery in tally.recoveries],
        },
        "detector": detector_entry(settings, outcome),
        "grid": {"columns": network.grid.columns, "rows": network.grid.rows},
        "fps": network.clock.fps,
        "range_ticks": network.clock.range_ticks,
        "tolerance": settings.exclusion.tolerance,
        "counters": settings.exclusion.counters,
        "store": settings.exclusion.store,
        "estimator": settings.topology.estimator,
        "threshold": settings.topology.threshold,
        "fdr": settings.topology.fdr,
        "least_links": settings.topology.least_links,
        "partition": partition_entry(network, settings.partition.kind, tally),
        "camera_ticks": rows,
        "rates": {
            "processing_s": seconds,
            "frames_per_s": frames / seconds,
            "camera_ticks_per_s": rows / seconds,
        },
        "driver_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "topology": {
            "links": len(links),
            "edges": len(edges),
            "components": int(edges.component.max(initial=-1)) + 1,
            "transits": None if learnt.transits is None else len(learnt.transits.pairs),
            "changes": None if learnt.changes is None else len(learnt.changes),
        },
        "ground_plane": None if learnt.placed is None else learnt.placed.entry(),
        "cameras": cameras,
    }


def _tell(folder: Path, page: Path, summary: dict[str, Any]) -> None:
    topology = summary["topology"]
    good = sum(entry["status"] == "ok" for entry in summary["cameras"])
    print(
        f"{good} of {len(summary['cameras'])} cameras, {topology['links']} links, "
        f"{topology['edges']} edges, {topology['transits'] or 0} transits, "
        f"{topology['components']} components, {summary['seconds']:.0f} s"
    )
    for level, quality in summary.get("evaluation", {}).items():
        if level in ("windows", "cameras"):
            figures = [
                f"{name} {'–' if quality[name] is None else format(quality[name], '.2f')}"
                for name in ("precision", "recall")
            ]
            print(f"{level}: {', '.join(figures)} against the site's ground truth")
    print(f"report: {page}")
    print(f"results: {folder}")
