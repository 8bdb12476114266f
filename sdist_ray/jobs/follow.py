"""sdist-ray follow: a video of one person, from whichever camera sees them best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from sdist_ray import __version__
from sdist_ray.cameras.camera import Camera
from sdist_ray.distancing.scene import Floats, Ints
from sdist_ray.errors import InputError
from sdist_ray.folders import make_folder
from sdist_ray.jobs.console import progress, say
from sdist_ray.jobs.follow_target import Target, TrackedRun, find_person, read_target
from sdist_ray.jobs.outputs import write_json, write_table
from sdist_ray.jobs.run_cameras import cameras_of
from sdist_ray.jobs.track_looks import FrameReader
from sdist_ray.report.colours import palette_colour
from sdist_ray.report.handover_run import read_handover
from sdist_ray.report.network_map import TRAIL_S, NetworkMap, schematic
from sdist_ray.report.virtual_camera import Moment, VirtualCamera
from sdist_ray.settings_tracking import FollowJob
from sdist_ray.topology.handover.ahead import Motion
from sdist_ray.topology.handover.model import Handover
from sdist_ray.tracking.follow import CutSettings, Shot, choose_views, shots_of
from sdist_ray.video.files import open_source
from sdist_ray.video.writer import VideoWriter

MOST_EXPECTED, LEAST_EXPECTED = 3, 0.02
"""Cameras that are named where somebody may come next, and how likely they must be."""
LEAST_SEEN_S = 0.3
"""How long they must have been seen for it to be known where they were going."""
RETURN_S = 1.0
"""So long before somebody is seen again the picture goes on, where it was left out."""
MOST_READERS = 32


def _known_of(topology: Path, views: Mapping[str, Floats]) -> Handover:
    """A topology; with the ground, where views are of one."""
    try:
        return read_handover(topology, views=views)
    except InputError:
        return read_handover(topology)


@dataclass(frozen=True)
class Expected:
    """Where somebody who is out of sight may be seen next, by a topology.

    Attributes:
        handover: None where no topology is known.
        names: of the cameras.
        sizes: (width, height) of their images, pixels.
        fps: instants a second.
    """

    handover: Handover | None
    names: tuple[str, ...]
    sizes: Mapping[str, tuple[int, int]]
    fps: float

    @classmethod
    def of(cls, settings: FollowJob, tracked: TrackedRun, sizes: Mapping[str, tuple[int, int]]) -> Expected:
        """By the topology that the settings name, or else the one that tracking used.

        Raises:
            InputError: the one that they name cannot be read.
        """
        views = dict(zip(tracked.cameras, tracked.views, strict=True))
        handover = None
        if settings.topology is not None:
            handover = _known_of(Path(settings.topology), views)
        elif tracked.topology is not None:
            try:
                handover = _known_of(tracked.topology, views)
            except InputError as error:
                say(f"where somebody may come next is not told: {error}")
        return cls(handover, tracked.cameras, sizes, tracked.fps)

    def notes(self, target: Target, at: int, unseen_s: float) -> tuple[str, ...]:
        """Lines for the panel."""
        if self.handover is None or unseen_s <= 0:
            return ()
        before = np.flatnonzero((target.worth[:at] > 0).any(axis=1))
        if not len(before):
            return ()
        last = int(before[-1])
        number = int(target.worth[last].argmax())
        name, box = self.names[number], target.box[last, number]
        if name not in self.handover.cameras:
            return ()
        width, height = self.sizes[name]
        foot = np.clip([(box[0] + box[2] / 2) / width, (box[1] + box[3]) / height], 0.0, 1.0)
        window = self.handover.grid.window_of(foot[:1].astype(np.float32), foot[1:].astype(np.float32))
        found = self.handover.candidates(
            name, int(window[0]), unseen_s, most=MOST_EXPECTED, motion=self._motion(target, last)
        )
        lines = [
            f"{one.camera}: {100 * one.probability:.0f} %, in {max(one.from_s - unseen_s, 0):.0f} to "
            f"{max(one.until_s - unseen_s, 0):.0f} s"
            for one in found
            if one.probability >= LEAST_EXPECTED
        ]
        return ("may come next:", *lines) if lines else ()

    def _motion(self, target: Target, last: int) -> Motion | None:
        """How they moved in the last second in which they were seen, where that is known."""
        since = max(last - round(self.fps), 0)
        known = since + np.flatnonzero(np.isfinite(target.ground[since : last + 1]).all(axis=1))
        if not len(known) or known[-1] != last:
            return None
        seconds = (last - known[0]) / self.fps
        if seconds < LEAST_SEEN_S:
            return None
        moved = (target.ground[last] - target.ground[known[0]]) / seconds
        return Motion(*target.ground[last].tolist(), *moved.tolist())


@dataclass(frozen=True)
class Plan:
    """What is shown when.

    Attributes:
        target: who.
        kept: int64 (frames,), instants that are shown: all but the middle of long absences.
        chosen: int64 (frames,), the camera of each.
        shots: of the frames.
        unseen_s: float64 (frames,), for how long nobody has seen them.
    """

    target: Target
    kept: Ints
    chosen: Ints
    shots: list[Shot]
    unseen_s: Floats

    @property
    def cameras(self) -> set[int]:
        """Those that are shown."""
        return {shot.camera for shot in self.shots}

    @property
    def in_view(self) -> float:
        """Of the frames in which any camera sees the person, the share in which the shown one does."""
        worth = self.target.worth[self.kept]
        seen = worth.max(axis=1, initial=0.0) > 0
        shown = worth[np.arange(len(worth)), self.chosen] > 0
        return float(shown[seen].mean()) if seen.any() else 0.0


def run(settings: FollowJob, config: str) -> None:
    """Follow one person."""
    tracked = TrackedRun.read(Path(settings.run or ""))
    person = find_person(tracked, settings)
    cameras = {camera.id: camera for camera in cameras_of(tracked.watched, settings.cameras)}
    sizes = _sizes(tracked, cameras)
    target = read_target(tracked, person, sizes, settings.from_s, settings.until_s)
    cuts = CutSettings(settings.switch, settings.shortest_s, settings.ahead_s)
    plan = plan_shots(target, tracked.fps, cuts, settings.lost_s)
    folder = make_folder(settings.output or str(tracked.folder / "follow" / str(person)))
    _write_video(folder / "follow.mp4", settings, tracked, plan, cameras, sizes)
    _write_table(folder / "follow.parquet", tracked, plan)
    summary = summarise(tracked, plan)
    write_json(folder / "summary.json", summary | {"version": __version__, "command": "follow"})
    print(
        f"person {person}: {len(plan.kept) / tracked.fps:.0f} s, {len(plan.shots)} pictures from "
        f"{len(plan.cameras)} cameras; in view in {100 * plan.in_view:.1f} % of the frames in which any "
        "camera sees them"
    )
    print(f"video: {folder / 'follow.mp4'}")


def plan_shots(target: Target, fps: float, cuts: CutSettings, lost_s: float) -> Plan:
    """Choose the cameras.

    Args:
        target: who is followed.
        fps: instants a second.
        cuts: when to cut.
        lost_s: longer absences are shortened to this.
    """
    seen = target.worth.max(axis=1) > 0
    at = np.arange(len(seen))
    last_seen = np.maximum.accumulate(np.where(seen, at, -1))
    next_seen = np.minimum.accumulate(np.where(seen, at, len(seen))[::-1])[::-1]
    unseen = np.where(seen, 0, at - last_seen)
    soon = next_seen - at <= RETURN_S * fps
    kept = np.flatnonzero(seen | (unseen <= lost_s * fps) | soon)
    worth = target.worth[kept]
    chosen = choose_views(worth, fps, cuts)
    return Plan(target, kept, chosen, shots_of(chosen, worth), unseen[kept] / fps)


def summarise(tracked: TrackedRun, plan: Plan) -> dict[str, object]:
    """The pictures, and how often the person is in them."""
    worth = plan.target.worth[plan.kept]
    any_sees = worth.max(axis=1, initial=0.0) > 0
    time_s = plan.target.tick[plan.kept] / tracked.fps
    return {
        "person": plan.target.person, "frames": len(worth), "seconds": len(worth) / tracked.fps,
        "seen": int(any_sees.sum()), "in_view": plan.in_view,
        "cameras": sorted(tracked.cameras[camera] for camera in plan.cameras),
        "pictures": [
            {
                "camera": tracked.cameras[shot.camera], "from_s": float(time_s[shot.first]),
                "until_s": float(time_s[shot.last]), "why": shot.why,
            }
            for shot in plan.shots
        ],
    }  # fmt: skip


def _sizes(tracked: TrackedRun, cameras: Mapping[str, Camera]) -> dict[str, tuple[int, int]]:
    """Sizes of the images of cameras whose videos can be read.

    Raises:
        InputError: none of them can.
    """
    sizes, problem = {}, "no video is known"
    for name in tracked.cameras:
        if name not in cameras:
            continue
        try:
            with open_source(cameras[name]) as source:
                sizes[name] = source.size
        except (InputError, OSError) as error:
            problem = str(error)
            say(f"camera {name} cannot be shown: {error}")
    if not sizes:
        raise InputError(f"no camera of the run can be shown ({problem}): say cameras=cameras.yaml")
    return sizes


def _write_video(
    path: Path, settings: FollowJob, tracked: TrackedRun, plan: Plan, cameras: Mapping[str, Camera],
    sizes: Mapping[str, tuple[int, int]],
) -> None:  # fmt: skip
    target, names = plan.target, tracked.cameras
    colours = [palette_colour(number) for number in range(len(names))]
    aspect = max(width / height for width, height in sizes.values())
    view = VirtualCamera(target.person, names, colours, plan.shots, len(plan.kept), settings.height, aspect)
    expected = Expected.of(settings, tracked, sizes)
    known = any(len(outline) >= 3 for outline in tracked.views)
    places = None if known else schematic(len(names), tracked.edges)
    above = NetworkMap(names, colours, tracked.views, places, tracked.edges, view.map_size)
    readers: dict[int, FrameReader] = {}
    seconds = target.tick / tracked.fps
    trail_length = round(TRAIL_S * tracked.fps)
    step = max(1, round(tracked.fps / 5))
    with VideoWriter(path, tracked.fps, view.size) as writer, progress(
        "following", len(plan.kept), "frames"
    ) as update:  # fmt: skip
        try:
            for shot_number, shot in enumerate(plan.shots):
                before = plan.shots[shot_number - 1].camera if shot_number else None
                visited = [s.camera for s in plan.shots[max(0, shot_number - 8) : shot_number + 1]]
                for frame in range(shot.first, shot.last + 1):
                    at = int(plan.kept[frame])
                    moment = _moment(target, plan, frame, shot, before, tracked.fps)
                    moment = replace(moment, notes=expected.notes(target, at, moment.unseen_s))
                    trail = np.unique(np.append(np.arange(max(0, at - trail_length), at + 1, step), at))
                    trail = trail[np.isfinite(target.ground[trail]).all(axis=1)]
                    drawn = above.draw(
                        shot.camera, moment.sees, target.ground[trail], seconds[at] - seconds[trail], visited
                    )
                    picture = _frame(readers, shot.camera, cameras[names[shot.camera]], seconds[at])
                    writer.write(view.draw(picture, moment, drawn))
                    update(frame + 1, len(plan.kept))
        finally:
            for reader in readers.values():
                reader.close()


def _moment(target: Target, plan: Plan, frame: int, shot: Shot, before: int | None, fps: float) -> Moment:
    at = int(plan.kept[frame])
    box = target.box[at, shot.camera]
    return Moment(
        frame, float(target.tick[at]) / fps, shot.camera, (frame - shot.first) / fps, before,
        box if target.worth[at, shot.camera] > 0 else None, bool(target.detected[at, shot.camera]),
        float(plan.unseen_s[frame]), tuple(np.flatnonzero(target.worth[at] > 0).tolist()),
    )  # fmt: skip


def _frame(readers: dict[int, FrameReader], number: int, camera: Camera, time_s: float) -> np.ndarray | None:
    if number not in readers:
        while len(readers) >= MOST_READERS:
            readers.pop(next(iter(readers))).close()
        readers[number] = FrameReader(camera)
    return readers[number].at(time_s)


def _write_table(path: Path, tracked: TrackedRun, plan: Plan) -> None:
    """follow.parquet: what each frame shows."""
    target, kept = plan.target, plan.kept
    rows = np.arange(len(kept))
    box = target.box[kept, plan.chosen]
    columns: dict[str, object] = {
        "frame": rows,
        "tick": target.tick[kept],
        "time_s": target.tick[kept] / tracked.fps,
        "camera": pa.array([tracked.cameras[c] for c in plan.chosen.tolist()], pa.string()),
        "in_view": target.worth[kept, plan.chosen] > 0,
        "detected": target.detected[kept, plan.chosen],
        "seen_by": pa.array(
            [_names(tracked.cameras, np.flatnonzero(row > 0)) for row in target.worth[kept]],
            pa.list_(pa.string()),
        ),
    }
    for name, values in zip(("x", "y", "width", "height"), box.T, strict=True):
        columns[name] = pa.array(values, mask=np.isnan(values))
    for name, values in zip(("ground_x_m", "ground_y_m"), target.ground[kept].T, strict=True):
        columns[name] = pa.array(values, mask=np.isnan(values))
    write_table(path, columns)


def _names(names: Sequence[str], which: Ints) -> list[str]:
    return [names[camera] for camera in which.tolist()]
