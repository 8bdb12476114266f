"""sdist-ray topology: video or a recording in, the activity topology out."""

from __future__ import annotations

import resource
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sdist_ray import __version__
from sdist_ray.exclusion.tile import Counting
from sdist_ray.jobs.evaluate import evaluate, read_truth
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
from sdist_ray.jobs.outputs import (
    make_folder,
    write_graph,
    write_json,
    write_links,
    write_text,
    write_windows,
)
from sdist_ray.occupancy.padding import Padding
from sdist_ray.report.page import write_report
from sdist_ray.settings import EvaluateJob, TopologyJob
from sdist_ray.topology.graph import Edges, camera_edges
from sdist_ray.topology.links import Links, join_directed, mutual_links


def run(settings: TopologyJob, config: str) -> None:
    """Learn a network's activity topology."""
    start = time.time()
    folder = make_folder(settings.output)
    with host(settings.runtime.kind) as where:
        inputs = find_inputs(settings, settings.exclusion.range_s, folder, where)
        recording = None if inputs.recording else folder / "occupancy.parquet"
        processing = time.time()
        exclusion = settings.exclusion
        padding = Padding(inputs.network.grid, inputs.network.clock, exclusion.tolerance)
        counting = Counting(
            padding, exclusion.counters, exclusion.store, exclusion.recent_ranges(padding.clock)
        )
        with run_network(settings, inputs, where, counting, recording) as outcome:
            links = _links(settings, inputs, outcome)
            seconds = time.time() - processing
    edges = camera_edges(links, settings.topology.least_links)
    write_links(folder / "links.parquet", links)
    write_graph(folder, edges)
    write_windows(folder / "windows.parquet", inputs.network.cameras, outcome.network.tally.visits)
    write_snapshots(folder, outcome)
    write_text(folder / "config.yaml", config)
    summary = _summary(settings, inputs, outcome, links, edges, seconds)
    summary["started"] = start
    if inputs.truth is not None:
        truth = read_truth(inputs.truth / "truth_links.parquet")
        summary["evaluation"] = evaluate(folder, truth, EvaluateJob())
    summary["seconds"] = time.time() - start
    write_json(folder / "summary.json", summary)
    page = write_report(folder)
    _tell(folder, page, summary)


def _links(settings: TopologyJob, inputs: Inputs, outcome: Outcome) -> Links:
    network = inputs.network
    parts = outcome.network.directed_links(
        network.cameras, settings.topology.estimator, settings.topology.threshold
    )
    return mutual_links(join_directed(parts), network.cameras, network.grid.windows)


def _summary(
    settings: TopologyJob,
    inputs: Inputs,
    outcome: Outcome,
    links: Links,
    edges: Edges,
    seconds: float,
) -> dict[str, Any]:
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
        "least_links": settings.topology.least_links,
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
        },
        "cameras": cameras,
    }


def _tell(folder: Path, page: Path, summary: dict[str, Any]) -> None:
    topology = summary["topology"]
    good = sum(entry["status"] == "ok" for entry in summary["cameras"])
    print(
        f"{good} of {len(summary['cameras'])} cameras, {topology['links']} links, "
        f"{topology['edges']} edges, {topology['components']} components, "
        f"{summary['seconds']:.0f} s"
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
