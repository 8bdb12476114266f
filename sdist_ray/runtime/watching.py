"""Distancing of some cameras in one process: reading, detecting and drawing on a thread each."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.detection.detector import Detector
from sdist_ray.detection.foreground import ForegroundSettings
from sdist_ray.detection.make import make_detector, shared_model
from sdist_ray.detection.neural import Found, NeuralModel, NeuralSettings
from sdist_ray.detection.people import PeopleDetector
from sdist_ray.distancing.method import ground_of
from sdist_ray.distancing.scene import nobody
from sdist_ray.distancing.watch import Watch
from sdist_ray.runtime.watch_plan import Interrupted, Progress, WatchPlan, paced
from sdist_ray.runtime.watch_view import Item, View, told
from sdist_ray.runtime.watched import Watched, WatchFiles, folder_of
from sdist_ray.video.files import open_source
from sdist_ray.video.source import FrameError

AHEAD = 4
"""Frames that may wait between two threads, for each camera up to a few."""
MOST_AHEAD = 16
SETTLE_S = 900.0
"""Even people who stand a metre apart and never move are recognised as companions within ten minutes."""
MOST_OPEN = 64
"""Cameras that a worker has open at once."""


class WatchWorker:
    """Watches some cameras to their ends."""

    def __init__(self, plan: WatchPlan, folder: Path) -> None:
        """Load the detector.

        Args:
            plan: what to do.
            folder: exists; every camera gets a folder of its own in it.

        Raises:
            InputError: the detector's model cannot be loaded.
        """
        self._plan, self._folder = plan, folder
        self._model: NeuralModel | None = None
        # OpenCV's own threads would only get in the way of ours; its networks ask for theirs when loaded.
        cv2.setNumThreads(1)
        self._side_by_side, self._batched = 1, False
        if isinstance(plan.detector, NeuralSettings):
            # Two frames on a core each are done sooner than one after the other on both: nothing waits for
            # the slower half of a layer, least of all beside our other threads. A GPU takes batches instead;
            # OpenCV's networks do one frame at a time.
            self._model = shared_model(plan.detector, 1)
            if self._model.backend == "opencv":
                self._model = shared_model(plan.detector, plan.threads)
            elif self._model.device == "cpu":
                self._side_by_side = plan.threads
            self._batched = self._model.batched and self._model.device != "cpu"
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._progress = Progress()

    @property
    def runs_on(self) -> dict[str, Any]:
        """Device and backend that really run, and warnings about them."""
        if self._model is None:
            return {"device": "cpu", "backend": "numba", "warnings": []}
        return {
            "device": self._model.device,
            "backend": self._model.backend,
            "warnings": list(self._model.warnings),
        }

    def progress(self) -> Progress:
        """How far it is; from any thread."""
        return self._progress

    def stop(self) -> None:
        """End as if all videos ended here; from any thread."""
        self._stop.set()

    def run(
        self, cameras: Sequence[Camera], on_frames: Callable[[Progress], None] | None = None
    ) -> list[Watched]:
        """Watch cameras until they end, or ``stop``; one answer each, in order.

        Raises:
            Interrupted: by a signal; with what there was by then.
        """
        reports: list[Watched] = []
        interrupt: BaseException | None = None
        # Every open camera holds files, pictures and a background in memory: so many at once, then the next.
        for first in range(0, len(cameras), MOST_OPEN):
            part = cameras[first : first + MOST_OPEN]
            if interrupt is not None or self._stop.is_set():
                reports += [Watched(camera.id, "the run was interrupted before it") for camera in part]
                continue
            watched, interrupt = self._run_some(part, first, on_frames)
            reports += watched
        if interrupt is not None:
            raise Interrupted([(report, 0) for report in reports], interrupt)
        return reports

    def _run_some(
        self, cameras: Sequence[Camera], first: int, on_frames: Callable[[Progress], None] | None
    ) -> tuple[list[Watched], BaseException | None]:
        """Cameras that are open together; what became of them, and the signal that ended them, if one did."""
        reports = [Watched(camera.id) for camera in cameras]
        views = []
        for number, (camera, report) in enumerate(zip(cameras, reports, strict=True), first):
            try:
                views.append(self._open(camera, report, number))
            except Exception as error:
                report.problem = told(error)
        self._progress.expected += sum(view.source.frames or 0 for view in views)
        room = min(MOST_AHEAD, AHEAD * max(1, len(views)))
        read: queue.Queue[Item | None] = queue.Queue(room)
        seen: queue.Queue[Item | None] = queue.Queue(room)
        threads = [
            threading.Thread(target=self._guard, args=(self._read, views, read), daemon=True),
            threading.Thread(target=self._guard, args=(self._draw, seen), daemon=True),
        ]
        for thread in threads:
            thread.start()
        interrupt: BaseException | None = None
        try:
            self._detect(read, seen, on_frames)
        except BaseException as error:
            self._stop.set()
            self._drain(read, threads[0])
            if isinstance(error, Exception):
                self._failure = self._failure or error
            else:
                interrupt = error

        def finish() -> None:
            seen.put(None)
            for thread in threads:
                thread.join()
            for view in views:
                self._close(view)

        # On a thread of its own: a second signal, or one that comes this late, must not cost what is done.
        closing = threading.Thread(target=self._guard, args=(finish,))
        closing.start()
        while closing.is_alive():
            try:
                closing.join()
            except BaseException as error:
                interrupt = interrupt or error
        if self._failure is not None:
            raise self._failure
        return reports, interrupt

    def _open(self, camera: Camera, report: Watched, number: int) -> View:
        source = open_source(camera)
        try:
            size = source.size
            still = source.frames == 1
            plan = self._plan
            ticks_per_s = plan.fps or source.fps
            step_s = 1 / min(ticks_per_s, source.fps)
            watch = Watch(ground_of(camera, plan.method, size), plan.watch.at(step_s), size, still)
            chosen = plan.detector
            if isinstance(chosen, ForegroundSettings):
                chosen = paced(chosen, plan, ticks_per_s)
            detector: Detector
            if self._model is not None:
                detector = PeopleDetector(self._model, camera.mask)
            else:
                detector = make_detector(chosen, camera.mask)
            folder = folder_of(self._folder, camera.id, number)
            files = WatchFiles(folder, watch, plan.drawing, still, source.fps, size, plan.sightings)
        except BaseException:
            source.close()
            raise
        report.method, report.unit, report.limit = watch.ground.method, watch.ground.unit, watch.limit
        report.fps, report.ticks_per_s = source.fps, ticks_per_s
        return View(camera, source, watch, files, detector, report, ticks_per_s)

    def _guard(self, function: Callable[..., None], *arguments: object) -> None:
        """Run a thread; what it dies of ends all of them, and is raised by ``run``."""
        try:
            function(*arguments)
        except BaseException as error:
            self._failure = self._failure or error
            self._stop.set()
            for argument in arguments:
                if isinstance(argument, queue.Queue):
                    # The others must not wait for this one.
                    if function == self._read:
                        argument.put(None)
                    else:
                        self._drain(argument)

    @staticmethod
    def _drain(items: queue.Queue[Item | None], filler: threading.Thread | None = None) -> None:
        """Take everything, to the end or until its filler is gone, so that nobody waits for room."""
        while filler is None or filler.is_alive() or not items.empty():
            with contextlib.suppress(queue.Empty):
                if items.get(timeout=0.1) is None:
                    return

    def _read(self, views: list[View], read: queue.Queue[Item | None]) -> None:
        """Read the cameras in turn; a frame of each."""
        live = list(views)
        while live and not self._stop.is_set():
            for view in list(live):
                item = None if view.failed else self._next(view)
                if item is None:
                    live.remove(view)
                else:
                    read.put(item)
                if self._stop.is_set():
                    break
        read.put(None)

    def _next(self, view: View) -> Item | None:
        """A camera's next frame that can be decoded, None at its end."""
        while (time_s := view.source.grab()) is not None:
            view.report.frames += 1
            try:
                image = view.source.decode()
            except FrameError:
                view.report.bad_frames += 1
                continue
            if (image.shape[1], image.shape[0]) != view.source.size:
                view.report.bad_frames += 1
                continue
            # Half a tick rounds up, whatever is lost in the last digit.
            tick: int | None = math.floor(time_s * view.fps + 0.5 + 1e-6)
            # Every frame is looked at, unless it is asked for less: then one of each tick.
            if self._plan.fps is not None and tick == view.last_tick:
                tick = None
            else:
                view.last_tick = tick
            prepared = None
            if tick is not None and self._model is not None:
                prepared = self._model.prepare(image)
            return Item(view, time_s, tick, image, prepared)
        return None

    def _detect(
        self,
        read: queue.Queue[Item | None],
        seen: queue.Queue[Item | None],
        on_frames: Callable[[Progress], None] | None,
    ) -> None:
        with ThreadPoolExecutor(self._side_by_side) as pool:
            for batch in self._batches(read):
                if self._failure is not None:
                    continue
                if self._model is None:
                    for item in batch:
                        if item.tick is not None:
                            item.seen = item.view.detector.detect(item.image)
                else:
                    asked = [item for item in batch if item.prepared is not None]
                    found = pool.submit(self._infer, self._model, asked)
                    for place, item in enumerate(asked):
                        item.found, item.place = found, place
                for item in batch:
                    seen.put(item)
                if on_frames is not None:
                    on_frames(self._progress)

    @staticmethod
    def _infer(model: NeuralModel, items: Sequence[Item]) -> list[Found]:
        found = model.infer([item.prepared for item in items if item.prepared is not None])
        for item in items:
            item.prepared = None
        return found

    def _batches(self, read: queue.Queue[Item | None]) -> Iterator[list[Item]]:
        """Frames as they come; several at once for a GPU, where the model takes them and they are there."""
        most = MOST_AHEAD if self._model is not None and self._batched else 1
        ended = False
        while not ended:
            batch: list[Item] = []
            with contextlib.suppress(queue.Empty):
                while len(batch) < most and not ended:
                    item = read.get() if not batch else read.get_nowait()
                    if item is None:
                        ended = True
                    else:
                        batch.append(item)
            if batch:
                yield batch

    def _draw(self, seen: queue.Queue[Item | None]) -> None:
        while (item := seen.get()) is not None:
            if not item.view.failed:
                try:
                    self._watch(item)
                except Exception as error:
                    item.view.failed, item.view.report.problem = True, told(error)
            self._progress.frames += 1

    def _watch(self, item: Item) -> None:
        view = item.view
        if item.found is not None:
            assert isinstance(view.detector, PeopleDetector)
            found = item.found.result()[item.place]
            item.seen = view.detector.keep_unmasked(found.detections, item.image)
        if item.tick is not None and item.seen is not None:
            if item.seen.available:
                height, width = item.image.shape[:2]
                boxes = item.seen.boxes.astype(np.float64) * [width, height, width, height]
                scene = view.watch.look(item.time_s, boxes, item.seen.scores.astype(np.float64))
                view.files.add(view.camera.id, item.tick, scene, boxes)
                if item.time_s >= view.settled_s + SETTLE_S:
                    # Final, and out of memory.
                    view.settled_s = item.time_s
                    view.report.violations += view.watch.violations(item.time_s - SETTLE_S)
            else:
                scene = nobody(item.time_s)
            view.report.detections += len(item.seen.boxes)
            view.scene = scene
        boxes = np.empty((0, 4))
        if item.seen is not None:
            height, width = item.image.shape[:2]
            boxes = item.seen.boxes.astype(np.float64) * [width, height, width, height]
        view.files.draw(item.image, view.scene or nobody(item.time_s), boxes)

    def _close(self, view: View) -> None:
        report = view.report
        if view.source.complaint:
            report.warnings.append(view.source.complaint)
        elif report.bad_frames:
            report.warnings.append(f"{report.bad_frames} frames could not be decoded")
        view.source.close()
        if view.failed or self._failure is not None:
            view.files.abandon()
            return
        if report.frames == report.bad_frames and not (report.frames == 0 and self._stop.is_set()):
            report.problem = f"{view.camera.url}: not one frame can be decoded"
            view.files.abandon()
            return
        report.people = view.files.people
        report.violations += view.watch.violations()
        report.severities = [view.watch.severity(violation) for violation in report.violations]
        report.groups = view.watch.groups()
        try:
            report.files = view.files.close()
        except Exception as error:
            report.problem = told(error)
            view.files.abandon()
