"""Distancing on Ray: workers with shares of CPUs and GPUs, each with some of the cameras."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from sdist_ray.cameras.camera import Camera
from sdist_ray.errors import InputError
from sdist_ray.runtime.watch_plan import Interrupted, Progress, Result, WatchPlan
from sdist_ray.runtime.watched import Watched
from sdist_ray.runtime.watching import WatchWorker

CHUNK_BYTES = 16 << 20
SECONDS_BETWEEN_LOOKS = 0.5
STOP_TIMEOUT_S = 30.0


class DistancingWorker:
    """Watches cameras into a folder of this node's own. ``run`` is one call; others go on beside it."""

    def __init__(self) -> None:
        self._own = Path(tempfile.mkdtemp(prefix="sdist-ray-"))
        self._worker: WatchWorker | None = None

    def begin(self, plan: WatchPlan) -> dict[str, Any]:
        """Load the detector; node, GPUs, device and backend."""
        self._worker = WatchWorker(plan, self._own)
        context = ray.get_runtime_context()
        return {
            "node": context.get_node_id(),
            "folder": str(self._own),
            "gpus": [str(number) for number in ray.get_gpu_ids()],
            **self._worker.runs_on,
        }

    def _begun(self) -> WatchWorker:
        assert self._worker is not None
        return self._worker

    def run(self, cameras: Sequence[Camera]) -> list[Watched]:
        """See WatchWorker."""
        return self._begun().run(cameras)

    def progress(self) -> Progress:
        """See WatchWorker."""
        return self._begun().progress()

    def stop(self) -> None:
        """See WatchWorker."""
        self._begun().stop()

    def read(self, path: str, offset: int) -> bytes:
        """A part of one of the files, empty beyond its end."""
        inside = Path(path).resolve()
        if self._own.resolve() not in inside.parents:
            raise ValueError(path)
        with inside.open("rb") as file:
            file.seek(offset)
            return file.read(CHUNK_BYTES)

    def clear(self) -> None:
        """Remove the files."""
        shutil.rmtree(self._own, ignore_errors=True)


@dataclass(frozen=True)
class Share:
    """What a worker takes of the cluster."""

    num_cpus: float
    num_gpus: float


def room_for(share: Share) -> int:
    """How many workers the cluster's nodes have room for."""
    room = 0
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            fits = math.floor(has.get("CPU", 0.0) / share.num_cpus + 1e-9)
            if share.num_gpus:
                # A worker's share is of one GPU, or it is whole GPUs.
                gpus = has.get("GPU", 0.0)
                each = math.floor(1 / share.num_gpus + 1e-9) if share.num_gpus <= 1 else 0
                fits = min(fits, int(gpus) * each if each else math.floor(gpus / share.num_gpus))
            room += fits
    return room


def any_gpu() -> bool:
    """Whether a node of the cluster declares a GPU."""
    return any(node["Alive"] and node["Resources"].get("GPU", 0.0) > 0 for node in ray.nodes())


class RayWatch:
    """Workers of one run."""

    def __init__(self, plan: WatchPlan, cameras: Sequence[Camera], workers: int, share: Share) -> None:
        """Start them; cameras are dealt out in turn.

        Raises:
            InputError: a worker cannot load the detector.
        """
        actor = ray.remote(DistancingWorker).options(
            num_cpus=share.num_cpus, num_gpus=share.num_gpus, max_concurrency=4, max_restarts=0
        )
        self._cameras = [list(cameras[number::workers]) for number in range(workers)]
        self._actors = [actor.remote() for _ in range(workers)]
        self._folders: list[str] = []
        try:
            self.where: list[dict[str, Any]] = ray.get([actor.begin.remote(plan) for actor in self._actors])
            self._folders = [place.pop("folder") for place in self.where]
        except BaseException as error:
            self.close()
            raise _own(error) from error

    def run(self, on_frames: Callable[[Progress], None]) -> list[Result]:
        """Watch all cameras to their ends: what became of each, and which worker has its files.

        A worker that dies takes its cameras with it, and no others.

        Raises:
            Interrupted: with what the workers had by then.
        """
        calls = {
            actor.run.remote(cameras): number
            for number, (actor, cameras) in enumerate(zip(self._actors, self._cameras, strict=True))
        }
        results: list[Result] = []
        pending = list(calls)
        interrupt: BaseException | None = None
        while pending:
            try:
                timeout = SECONDS_BETWEEN_LOOKS if interrupt is None else STOP_TIMEOUT_S
                done, pending = ray.wait(pending, timeout=timeout)
                if interrupt is not None and not done:
                    break
                for call in done:
                    results += self._results(call, calls[call])
                self._tell(on_frames)
            except BaseException as error:
                if interrupt is not None or isinstance(error, Exception):
                    raise
                interrupt = error
                for actor in self._actors:
                    actor.stop.remote()
        if interrupt is not None:
            raise Interrupted(results, interrupt)
        return results

    def _results(self, call: Any, number: int) -> list[Result]:
        try:
            return [(watched, number) for watched in ray.get(call)]
        except ray.exceptions.RayActorError:
            problem = "its worker died"
        except ray.exceptions.RayTaskError as error:
            found = _own(error)
            if not isinstance(found, InputError | OSError):
                raise found from error
            problem = str(found)
        return [(Watched(camera.id, problem), number) for camera in self._cameras[number]]

    def _tell(self, on_frames: Callable[[Progress], None]) -> None:
        try:
            steps = ray.get([actor.progress.remote() for actor in self._actors], timeout=5)
        except ray.exceptions.RayError:
            return
        on_frames(Progress(sum(s.frames for s in steps), sum(s.expected for s in steps)))

    def fetch(self, worker: int, path: str, into: Path) -> None:
        """Bring a worker's file here."""
        if Path(path).exists():
            # The worker is on this machine: nothing needs to travel.
            shutil.copyfile(path, into)
            return
        with into.open("wb") as file:
            while part := ray.get(self._actors[worker].read.remote(path, file.tell())):
                file.write(part)

    def close(self) -> None:
        """End the workers and remove their files."""
        for actor in self._actors:
            try:
                ray.get(actor.clear.remote(), timeout=5)
            except ray.exceptions.RayError:
                continue
            finally:
                ray.kill(actor)
        # What a worker that died could not remove, if it was on this machine.
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


def _own(error: BaseException) -> BaseException:
    """The error that a worker raised, rather than Ray's account of it."""
    cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
    return cause if isinstance(cause, BaseException) else error
