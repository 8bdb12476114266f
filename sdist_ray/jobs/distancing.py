"""sdist-ray distancing: video in; violations, annotated video and the view from above out."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sdist_ray import __version__
from sdist_ray.cameras.camera import Camera, without_credentials
from sdist_ray.detection.foreground import ForegroundSettings
from sdist_ray.errors import InputError
from sdist_ray.folders import make_folder
from sdist_ray.jobs.console import progress, say
from sdist_ray.jobs.fused_tables import found_by_all, fuse_run, fusion_summary, write_tables
from sdist_ray.jobs.fusing import Network
from sdist_ray.jobs.fusion_plan import plan_fusion
from sdist_ray.jobs.host import Host, host
from sdist_ray.jobs.outputs import write_json, write_text
from sdist_ray.jobs.people import place_files, remove_others
from sdist_ray.jobs.sources import find_videos
from sdist_ray.occupancy.grid import Grid
from sdist_ray.report.distancing_page import write_distancing_report
from sdist_ray.runtime.watch_local import LocalWatch
from sdist_ray.runtime.watch_plan import Interrupted, Progress, Result, WatchPlan
from sdist_ray.runtime.watched import Drawing, Watched
from sdist_ray.settings_detector import ForegroundDetectorSettings
from sdist_ray.settings_distancing import DistancingJob

SITE_FPS = 10.0
STANDING_S = 30.0
"""Who stands and talks is what distancing is about; a topology learns from those who walk."""


def run(settings: DistancingJob, config: str) -> None:
    """Watch cameras for people who are too close."""
    start = time.time()
    folder = make_folder(settings.output)
    with host(settings.runtime.kind) as where, contextlib.ExitStack() as stack:
        fps = settings.fps or SITE_FPS
        cameras, _ = find_videos(settings.source, settings.cameras, fps, Grid(), folder, where)
        work = Path(tempfile.mkdtemp(prefix=".work-", dir=folder)).absolute()
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        cameras, views = plan_fusion(cameras, settings.distancing)
        if settings.distancing.uncalibrated == "pixel":
            cameras = [c if c.kind or c.calibration else replace(c, kind="pixel") for c in cameras]
        processing = time.time()
        watch = stack.enter_context(_watch(settings, cameras, where, work, views is not None))
        for warning in _warnings(watch.where):
            say(warning)
        interrupt: BaseException | None = None
        try:
            with progress("watching", None, "frames") as update:

                def on_frames(step: Progress) -> None:
                    update(step.frames, step.expected or None)

                results = watch.run(on_frames)
        except Interrupted as interrupted:
            results, interrupt = interrupted.results, interrupted.cause
        seconds = time.time() - processing
        results.sort(key=lambda result: result[0].camera)
        if interrupt is None:
            _report(results, cameras)
        placed = {watched.camera: place_files(folder, watched, number, watch) for watched, number in results}
    remove_others(folder, [path for paths in placed.values() for path in paths.values()])
    watched_all = [watched for watched, _ in results]
    network = fuse_run(settings, views, watched_all, placed, folder)
    write_tables(settings, folder, watched_all, placed, network, cameras)
    write_text(folder / "config.yaml", config)
    summary = _summary(settings, watched_all, placed, watch.where, seconds, network)
    summary |= {"started": start, "interrupted": interrupt is not None, "seconds": time.time() - start}
    write_json(folder / "summary.json", summary)
    page = write_distancing_report(folder)
    _tell(folder, page, summary)
    if interrupt is not None:
        frames = sum(watched.frames for watched in watched_all)
        interrupt.add_note(f"kept what {frames} frames showed in {folder}")
        raise interrupt


@contextlib.contextmanager
def _watch(
    settings: DistancingJob, cameras: list[Camera], where: Host, work: Path, sightings: bool
) -> Iterator[Any]:
    """The workers, wherever they are, for as long as the block runs."""
    watch: Any
    if where.kind == "ray":
        from sdist_ray.runtime.ray.watching import RayWatch

        workers, share = _workers(settings, len(cameras))
        # A worker's detector runs on the CPUs that the worker was given.
        plan = replace(_plan(settings, max(1, int(share.num_cpus))), sightings=sightings)
        watch = RayWatch(plan, cameras, workers, share)
    else:
        plan = replace(_plan(settings, os.cpu_count() or 1), sightings=sightings)
        watch = LocalWatch(plan, cameras, work)
    try:
        yield watch
    finally:
        watch.close()


def _plan(settings: DistancingJob, threads: int) -> WatchPlan:
    drawing = settings.drawing
    detector = settings.detector
    watch = settings.distancing.watch(settings.start_score)
    made = detector.chosen(settings.fps or SITE_FPS)
    warmup_s, standing_s = 0.0, None
    if isinstance(made, ForegroundSettings):
        assert isinstance(detector, ForegroundDetectorSettings)
        made = replace(made, trim_shadows=detector.trim_shadows is not False)
        warmup_s = detector.warmup_s
        standing_s = STANDING_S if detector.learning_rate is None else None
    else:
        # What is too faint to begin a track may still continue one.
        made = replace(made, score=min(settings.start_score, settings.distancing.continue_score))
    return WatchPlan(
        made, watch, settings.distancing.method, settings.fps, warmup_s, standing_s,
        Drawing(drawing.video, drawing.panel, drawing.pictures, drawing.blur_faces), threads,
    )  # fmt: skip


def _workers(settings: DistancingJob, cameras: int) -> tuple[int, Any]:
    """How many workers there will be on Ray, and what each takes of the cluster.

    Raises:
        InputError: it has no room for even one.
    """
    from sdist_ray.runtime.ray.watching import Share, any_gpu, room_for

    runtime = settings.runtime
    share = Share(runtime.num_cpus or 1.0, runtime.num_gpus)
    if share.num_gpus and not any_gpu():
        if not runtime.cpu_instead:
            raise InputError(
                f"runtime.num_gpus={share.num_gpus:g}, but no node of the Ray cluster has a GPU: "
                "add one, or say runtime.cpu_instead=true to go on with CPUs"
            )
        say(f"no node of the Ray cluster has a GPU: runtime.num_gpus={share.num_gpus:g} is left out")
        share = Share(share.num_cpus, 0.0)
    room = room_for(share)
    if not room:
        raise InputError(
            f"no node of the Ray cluster has room for a worker of runtime.num_cpus={share.num_cpus:g}, "
            f"runtime.num_gpus={share.num_gpus:g}: ask for less, or add a node"
        )
    wanted = min(runtime.workers or room, cameras)
    if wanted > room:
        say(f"the Ray cluster has room for {room} of {wanted} workers")
    workers = min(wanted, room)
    if runtime.num_cpus is None:
        # What would be idle otherwise: a lone camera's network may use every core there is.
        while room_for(Share(share.num_cpus + 1, share.num_gpus)) >= workers:
            share = Share(share.num_cpus + 1, share.num_gpus)
    return workers, share


def _warnings(where: list[dict[str, Any]]) -> list[str]:
    """What is to be said about where the detector runs."""
    warnings = {text for place in where for text in place["warnings"]}
    if any(place["gpus"] and place["device"] == "cpu" for place in where):
        warnings.add(
            "workers were given a GPU, but the detector runs on the CPU: a foreground detector always does, "
            "a neural one needs ONNX Runtime with CUDA (pip install 'sdist-ray[gpu]')"
        )
    return sorted(warnings)


def _report(results: list[Result], cameras: list[Camera]) -> None:
    """Say what was wrong with cameras.

    Raises:
        InputError: not one of them could be watched.
    """
    failed = [watched for watched, _ in results if watched.problem]
    if len(failed) == len(cameras):
        first = without_credentials(failed[0].problem or "")
        raise InputError(
            first
            if len(failed) == 1
            else f"none of the {len(failed)} cameras can be watched; the first: {first}"
        )
    for watched, _ in results:
        if watched.problem:
            say(f"camera {watched.camera} left out: {without_credentials(watched.problem)}")
        for warning in watched.warnings:
            say(f"camera {watched.camera}: {warning}")


def _summary(
    settings: DistancingJob,
    results: list[Watched],
    placed: dict[str, dict[str, str]],
    where: list[dict[str, Any]],
    seconds: float,
    network: Network | None,
) -> dict[str, Any]:
    frames = sum(watched.frames for watched in results)
    found = found_by_all(results, network)
    severities = [severity for _, severity, _, _ in found]
    violations = [violation for violation, _, _, _ in found]
    device = sorted({place["device"] for place in where})
    backend = sorted({place["backend"] for place in where})
    model = getattr(settings.detector, "model", None)
    return {
        "version": __version__,
        "command": "distancing",
        "source": {"kind": settings.source.kind},
        "runtime": {"name": settings.runtime.kind, "workers": len(where), "places": where},
        "detector": {
            "kind": settings.detector.kind,
            "device": "+".join(device),
            "backend": "+".join(backend),
            "model": None if model is None else Path(model).name,
            "warnings": _warnings(where),
        },
        "method": settings.distancing.method,
        "limit_m": settings.distancing.limit_m,
        "rates": {"processing_s": seconds, "frames_per_s": frames / seconds},
        "violations": {
            "count": len(violations),
            "seconds": sum(violation.duration_s for violation in violations),
            "by_severity": {name: severities.count(name) for name in ("brief", "long", "serious")},
        },
        "fusion": None if network is None else fusion_summary(network),
        "cameras": [_entry(watched, placed[watched.camera]) for watched in results],
    }


def _entry(watched: Watched, placed: dict[str, str]) -> dict[str, Any]:
    """A camera's part of summary.json."""
    return {
        "camera": watched.camera,
        "status": "failed" if watched.problem else "ok",
        "problem": None if watched.problem is None else without_credentials(watched.problem),
        "warnings": watched.warnings,
        "frames": watched.frames,
        "bad_frames": watched.bad_frames,
        "detections": watched.detections,
        "people": watched.people,
        "violations": len(watched.violations),
        "violation_s": sum(violation.duration_s for violation in watched.violations),
        "groups": len(watched.groups),
        "method": watched.method,
        "unit": watched.unit,
        "limit": watched.limit,
        "fps": watched.fps,
        "ticks_per_s": watched.ticks_per_s,
        "video": placed.get("video"),
        "panel": placed.get("panel"),
        "picture": placed.get("picture"),
        "heat_map": placed.get("heat"),
    }


def _tell(folder: Path, page: Path, summary: dict[str, Any]) -> None:
    good = sum(entry["status"] == "ok" for entry in summary["cameras"])
    fusion = summary["fusion"] or {"cameras": [], "people": 0}
    alone = [entry for entry in summary["cameras"] if entry["camera"] not in fusion["cameras"]]
    people = fusion["people"] + sum(entry["people"] for entry in alone)
    found = summary["violations"]
    print(
        f"{good} of {len(summary['cameras'])} cameras, {people} people, {found['count']} violations "
        f"({found['seconds']:.0f} s; {found['by_severity']['serious']} serious), {summary['seconds']:.0f} s"
    )
    print(f"detector: {summary['detector']['kind']} on {summary['detector']['device']}")
    print(f"report: {page}")
    print(f"results: {folder}")
