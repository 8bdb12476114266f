"""sdist-ray topology source=live: the activity topology of cameras as they are now."""

from __future__ import annotations

import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

from sdist_ray import __version__
from sdist_ray.folders import make_folder
from sdist_ray.jobs.changes import write_changes
from sdist_ray.jobs.evidence import links_of
from sdist_ray.jobs.ground_plane import write_ground_links
from sdist_ray.jobs.groups import chosen_strategy, in_groups, partition_entry, write_groups
from sdist_ray.jobs.host import host
from sdist_ray.jobs.live import LiveOutcome, camera_states, run_live
from sdist_ray.jobs.live_inputs import LiveInputs, find_live_inputs, timing_of
from sdist_ray.jobs.live_watches import LiveTopology, Watches
from sdist_ray.jobs.outputs import write_graph, write_json, write_links, write_text, write_windows
from sdist_ray.jobs.overlap_lists import write_overlaps
from sdist_ray.jobs.publish import Publisher
from sdist_ray.jobs.transit_tables import write_transits
from sdist_ray.report.page import write_report
from sdist_ray.report.snapshots import write_snapshot
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.runtime.live.control import refuse_if_runs
from sdist_ray.runtime.live.network import LiveNetwork
from sdist_ray.runtime.memory import give_back_memory
from sdist_ray.settings import TopologyJob
from sdist_ray.topology.graph import Edges
from sdist_ray.topology.links import DirectedLinks, Links
from sdist_ray.topology.screening import Screening

MOST_GRAPH_EDGES = 5000
"""Writing the graph of more takes seconds: that is done at the end only."""


def run(settings: TopologyJob, config: str) -> None:
    """Learn a live network's activity topology."""
    refuse_if_runs(Path(settings.output))
    chosen_strategy(settings.partition)
    folder = make_folder(settings.output)
    publisher = Publisher(folder)
    write_text(folder / "config.yaml", config)
    with host(settings.runtime.kind) as where:
        inputs = find_live_inputs(settings, settings.exclusion.range_s)
        inputs = replace(inputs, network=in_groups(inputs.network, settings.partition))
        clock = inputs.network.clock
        counting = settings.exclusion.counting(inputs.network.grid, clock)
        timing = timing_of(settings.live, clock)
        recording = None if settings.live.recording is None else folder / settings.live.recording
        with Watches(settings, inputs.network, where, folder) as watches:

            def publish(network: LiveNetwork, health: NetworkHealth) -> tuple[int, int] | None:
                links = linked(settings, inputs, network, follow=True)
                if links is None:
                    return None
                topology = watches.topology(links, network.tally)
                publisher.publish(lambda place: _write(place, settings, inputs, network, health, topology))
                give_back_memory()
                return len(topology.links), len(topology.edges)

            with run_live(settings, inputs, where, counting, timing, recording, publish, watches) as outcome:
                last = linked(settings, inputs, outcome.network)
                assert last is not None, "a network that has ended has all of its shards"
                topology = watches.topology(last, outcome.network.tally, last=True)
    _finish(folder, publisher, settings, inputs, outcome, topology)


def linked(
    settings: TopologyJob, inputs: LiveInputs, network: LiveNetwork, follow: bool = False
) -> Links | None:
    """The links as they are now; None where a shard is not there for the moment.

    Where it is asked for again and again it may ``follow`` links, see LiveNetwork; at the end it is exact.
    """
    # Sorted: links name pairs in that order, whoever joined when.
    cameras = tuple(sorted(network.tally.cameras))

    def ask(estimator: str, threshold: float, screening: Screening | None) -> list[DirectedLinks] | None:
        return network.directed_links(cameras, estimator, threshold, follow, screening)

    return links_of(settings.topology, network.tally, ask, cameras, inputs.network.grid.windows)


def _write(
    place: Path,
    settings: TopologyJob,
    inputs: LiveInputs,
    network: LiveNetwork,
    health: NetworkHealth,
    topology: LiveTopology,
    seconds: float | None = None,
) -> None:
    found = topology.transits
    write_links(place / "links.parquet", topology.links)
    write_graph(
        place,
        topology.edges,
        MOST_GRAPH_EDGES if seconds is None else None,
        None if found is None else found.pairs,
    )
    if topology.placed is not None:
        write_ground_links(place / "ground_links.parquet", topology.placed)
    if seconds is not None:
        write_overlaps(place, topology.edges, network.tally.visits.seen(network.tally.cameras))
    if found is not None:
        write_transits(place, found)
    if topology.changes is not None:
        tally, clock = network.tally, inputs.network.clock
        write_changes(place / "changes.parquet", topology.changes, tally.cameras, clock.fps)
    if network.tally.held is not None:
        write_groups(place / "groups.csv", network.tally.held.groups)
    write_windows(place / "windows.parquet", network.tally.cameras, network.tally.visits)
    content = summary(settings, inputs, network, health, topology.links, topology.edges, seconds)
    content["topology"]["transits"] = None if found is None else len(found.pairs)
    content["topology"]["changes"] = None if topology.changes is None else len(topology.changes)
    content["ground_plane"] = None if topology.placed is None else topology.placed.entry()
    write_json(place / "summary.json", content)


def summary(
    settings: TopologyJob,
    inputs: LiveInputs,
    network: LiveNetwork,
    health: NetworkHealth,
    links: Links,
    edges: Edges,
    seconds: float | None = None,
) -> dict[str, Any]:
    """summary.json of a live network; ``seconds`` is how long it ran, once it has ended."""
    spec = inputs.network
    frames = sum(camera.processed for camera in health.cameras)
    component = dict(zip(edges.cameras, edges.component.tolist(), strict=True))
    cameras = camera_states(network.tally, health)
    for entry in cameras:
        entry["component"] = component.get(entry["id"], -1)
    return {
        "version": __version__,
        "command": "topology",
        "source": {"kind": settings.source.kind},
        "runtime": {"name": network.name, "workers": len(health.workers), "shards": network.shards},
        "detector": {"kind": settings.detector.kind},
        "grid": {"columns": spec.grid.columns, "rows": spec.grid.rows},
        "fps": spec.clock.fps,
        "range_ticks": spec.clock.range_ticks,
        "tolerance": settings.exclusion.tolerance,
        "counters": settings.exclusion.counters,
        "store": settings.exclusion.store,
        "estimator": settings.topology.estimator,
        "threshold": settings.topology.threshold,
        "fdr": settings.topology.fdr,
        "least_links": settings.topology.least_links,
        "partition": partition_entry(spec, settings.partition.kind, network.tally),
        "camera_ticks": network.tally.rows,
        "time_s": health.time_s,
        "topology": {
            "links": len(links),
            "edges": len(edges),
            "components": int(edges.component.max(initial=-1)) + 1,
        },
        "driver_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "rates": {"frames_per_s": health.frames_per_s if seconds is None else frames / seconds},
        "cameras": cameras,
        "health": health.content(),
    }


def _finish(
    folder: Path,
    publisher: Publisher,
    settings: TopologyJob,
    inputs: LiveInputs,
    outcome: LiveOutcome,
    topology: LiveTopology,
) -> None:
    network, health = outcome.network, outcome.health
    seconds, links, edges = outcome.seconds, topology.links, topology.edges
    publisher.publish(lambda place: _write(place, settings, inputs, network, health, topology, seconds))
    _write(folder, settings, inputs, network, health, topology, seconds)
    for camera, picture in outcome.pictures.items():
        write_snapshot(folder, camera, picture)
    page = write_report(folder)
    content = health.content()
    print(f"{len(health.cameras)} cameras, {len(links)} links, {len(edges)} edges, {seconds:.0f} s")
    print(
        f"late: {100 * health.late_fraction:.2f} %, delay p99 {health.run_p99_s or 0:.1f} s, "
        f"{content['frames_in']} frames in, {content['dropped']} dropped"
    )
    print(f"report: {page}")
    print(f"results: {folder}")
