"""The pictures of docs/algorithm.md, from a small run: ``python -m docs.tools.pictures``.

Simulated cameras are filmed, detected and counted by the commands that everybody uses. What is drawn is what
those left, and what the same detector and the same counters say on the way.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from docs.tools.drawing import Bools, draw_grid, draw_strips, draw_view, draw_window, neighbours
from experiments.charts import COLOURS, GREY
from sdist_ray.cli import main as sdist_ray
from sdist_ray.detection.bits import unpack
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock, OccupancyRange, Rows
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import PaddedRange, Padding, pad_ranges
from sdist_ray.occupancy.recording import open_recording
from sdist_ray.topology.estimators import nonexclusion
from sdist_ray.video.files import VideoFile

SITE = ("site.cameras=3", "site.people=4", "site.minutes=3", "site.seed=7")
TOLERANCE = 3
THRESHOLD = 0.8
BLUE, ORANGE, GREEN = COLOURS[0], COLOURS[1], COLOURS[2]
SHOWN_S = 14


@dataclass(frozen=True)
class Filmed:
    """The run, as it is drawn.

    Attributes:
        folder: of the site.
        cameras: ids.
        grid, clock: of the network.
        ranges, padded: what was seen, and the same padded.
        links: a row for every linked pair of windows.
    """

    folder: Path
    cameras: tuple[str, ...]
    grid: Grid
    clock: Clock
    ranges: list[OccupancyRange]
    padded: list[PaddedRange]
    links: list[dict[str, Any]]

    def frame(self, camera: int, tick: int) -> npt.NDArray[np.uint8]:
        """What the camera saw, RGB."""
        return cv2.cvtColor(next(_frames(self, camera, tick)), cv2.COLOR_BGR2RGB).astype(np.uint8)

    def bits(self, words: list[npt.NDArray[np.uint64]]) -> Bools:
        """Words of all ranges, one after the other, as bool (ticks,)."""
        each = np.arange(self.clock.range_ticks, dtype=np.uint64)
        return (((np.array(words)[:, None] >> each) & np.uint64(1)) > 0).ravel()

    def occupied(self, camera: int, window: int) -> Bools:
        """x: whether somebody was there, by tick."""
        return self.bits([entry.occupied[camera, window] for entry in self.ranges])

    def reached(self, camera: int, window: int) -> Bools:
        """y: the same, padded."""
        return self.bits([entry.padded[camera, window] for entry in self.padded])


def film(folder: Path) -> Filmed:
    """Simulate, detect and count."""
    assert sdist_ray(["simulate", *SITE, "runtime=local", f"output={folder}"]) == 0
    run = folder / "run"
    arguments = ["source=files", f"source.paths=[{folder}/videos/*.mp4]", f"exclusion.tolerance={TOLERANCE}"]
    assert sdist_ray(["topology", *arguments, "runtime=local", f"output={run}"]) == 0
    recording = open_recording(run / "occupancy.parquet")
    rows = Rows.concatenate(list(recording.batches()))
    clock = Clock.of(recording.fps, 2.0)
    first, last = clock.range_of(recording.first_tick), clock.range_of(recording.last_tick)
    ranges = [
        range_of_rows(rows, index, len(recording.cameras), recording.grid, clock)
        for index in range(first, last + 1)
    ]
    padded = list(pad_ranges(ranges, Padding(recording.grid, clock, TOLERANCE)))
    links = pq.read_table(run / "links.parquet").to_pylist()
    return Filmed(folder, recording.cameras, recording.grid, clock, ranges, padded, links)


def _frames(film: Filmed, camera: int, last: int) -> Iterator[npt.NDArray[np.uint8]]:
    with VideoFile(film.folder / "videos" / f"{film.cameras[camera]}.mp4") as video:
        for frame in video:
            if frame.index == last:
                yield frame.image
                return


def busiest(film: Filmed, camera: int) -> int:
    """A tick at which most windows of a camera are occupied."""
    return int(np.argmax(np.sum([film.occupied(camera, j) for j in range(film.grid.windows)], axis=0)))


def telling_frame(film: Filmed, camera: int) -> tuple[int, int]:
    """How many blobs that look like one person each a frame has at most, and the number of that frame."""
    detector, best = ForegroundDetector(ForegroundSettings()), (0, 0)
    with VideoFile(film.folder / "videos" / f"{film.cameras[camera]}.mp4") as video:
        for frame in video:
            boxes = detector.detect(frame.image).boxes
            height, width = frame.image.shape[:2]
            inside = (boxes[:, :2] > 0.02).all(axis=1) & ((boxes[:, :2] + boxes[:, 2:]) < 0.98).all(axis=1)
            sides = boxes[:, 3] * height / (boxes[:, 2] * width)
            whole = inside & (sides > 1.7) & (sides < 4) & (boxes[:, 3] > 0.18)
            if len(boxes) and boxes[:, 3].max() < 0.45:
                best = max(best, (int(whole.sum()), frame.index))
    return best


def draw_detection(film: Filmed) -> plt.Figure:
    """A frame, what differs from the background, blobs, and the windows that are occupied."""
    frames = {camera: telling_frame(film, camera) for camera in range(len(film.cameras))}
    camera = max(frames, key=lambda camera: frames[camera][0])
    tick = frames[camera][1]
    detector = ForegroundDetector(ForegroundSettings())
    with VideoFile(film.folder / "videos" / f"{film.cameras[camera]}.mp4") as video:
        for frame in video:
            found = detector.learn(frame.image)
            seen = detector.people(found)
            if frame.index == tick:
                break
    height, width = found.grey.shape
    foreground = np.empty((height, width), np.uint8)
    unpack(found.bits, 0, 0, foreground)
    shown = cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB)
    figure, axes = plt.subplots(2, 2, figsize=(9.2, 7.4), layout="constrained")
    titles = ("a frame", "what the background does not explain", "blobs, and where each stands",
              "occupied windows")  # fmt: skip
    for axis, title, picture in zip(axes.flat, titles, (shown, foreground, shown, shown), strict=True):
        draw_view(axis, picture, title)
    for (left, top, wide, tall), x, y in zip(seen.boxes, seen.foot_x, seen.foot_y, strict=True):
        box = (left * width, top * height), wide * width, tall * height
        axes[1, 0].add_patch(Rectangle(*box, fill=False, color=ORANGE, linewidth=2))
        axes[1, 0].plot(x * width, y * height, "o", color=ORANGE, markeredgecolor="white", markersize=7)
        draw_window(axes[1, 1], film.grid, film.grid.window_of(x, y).item(), width, height, ORANGE)
        axes[1, 1].plot(x * width, y * height, "o", color=ORANGE, markeredgecolor="white", markersize=6)
    draw_grid(axes[1, 1], film.grid, width, height)
    return figure


def draw_padding(film: Filmed, a: int, i: int, b: int, j: int) -> plt.Figure:
    """A window's own ticks, with its neighbours', and with the tolerance."""
    x = film.occupied(b, j)
    near = neighbours(film.grid, j)
    spaced = np.any([film.occupied(b, w) for w in near], axis=0)
    y = film.reached(b, j)
    start, stop = _moment(film, x, y)
    figure = plt.figure(figsize=(9.2, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.75))
    picture = film.frame(b, start + int(np.median(np.flatnonzero(x[start:stop]))))
    draw_view(left, picture, "window j and its neighbours")
    height, width = picture.shape[:2]
    for window in near:
        draw_window(left, film.grid, window, width, height, ORANGE if window == j else BLUE)
    draw_grid(left, film.grid, width, height)
    draw_strips(right, film.clock.fps, start, stop, [
        ("j itself", x, ORANGE), ("j or a neighbour", spaced, BLUE),
        (f"the same, ± {TOLERANCE} ticks", y, GREEN),
    ])  # fmt: skip
    right.set_title("occupied, tick by tick", fontsize=10, loc="left")
    return figure


def draw_exclusion(film: Filmed, a: int, i: int, pairs: list[tuple[int, int, str]]) -> plt.Figure:
    """Opportunities of window i with two others: held against each, agreement or exclusion."""
    x = film.occupied(a, i)
    figure, axes = plt.subplots(len(pairs), 1, figsize=(9.2, 4.4), layout="constrained")
    start, stop = _moment(film, x, *(film.reached(b, j) for b, j, _ in pairs))
    for axis, (b, j, title) in zip(axes, pairs, strict=True):
        y = film.reached(b, j)
        draw_strips(axis, film.clock.fps, start, stop, [
            ("i occupied", x, GREY), ("j, padded", y, BLUE),
            ("agreement", x & y, GREEN), ("exclusion", x & ~y, ORANGE),
        ])  # fmt: skip
        o, e = int(x.sum()), int((x & ~y).sum())
        axis.set_title(f"{title}: in all {o} opportunities, {e} exclusions", fontsize=10, loc="left")
    return figure


def draw_counts(film: Filmed, a: int, i: int, b: int) -> plt.Figure:
    """What window i of one camera has counted against every window of another."""
    tile = Tile(film.cameras, film.cameras, Counting(film.padded[0].padding, "wide", "dense"))
    for padded in film.padded:
        tile.apply(padded, film.cameras)
    counts = tile.cut(film.cameras[a], film.cameras[b])
    agreements = counts.agreements[i].astype(np.int64)
    opportunities = np.full_like(agreements, counts.opportunities[i])
    exclusions = opportunities - agreements
    score = nonexclusion(agreements, opportunities)
    tick = int(np.flatnonzero(film.occupied(a, i))[5])
    ours, theirs = film.frame(a, tick), film.frame(b, tick)
    height, width = ours.shape[:2]
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.4), layout="constrained")
    draw_view(axes[0], ours, f"{film.cameras[a]}: window i, {opportunities[0]} opportunities")
    draw_window(axes[0], film.grid, i, width, height, ORANGE)
    draw_grid(axes[0], film.grid, width, height)
    for axis, values, title, most, colours in (
        (axes[1], exclusions, f"{film.cameras[b]}: exclusions E of i with each j", None, "viridis_r"),
        (axes[2], score, "C' of i with each j; framed: above 0.8", 1.0, "viridis"),
    ):
        draw_view(axis, cv2.cvtColor(cv2.cvtColor(theirs, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), title)
        table = values.reshape(film.grid.rows, film.grid.columns)
        image = axis.imshow(table, extent=(0, width, height, 0), alpha=0.72, cmap=colours, vmin=0, vmax=most)
        figure.colorbar(image, ax=axis, shrink=0.86)
    for window in np.flatnonzero(score > THRESHOLD).tolist():
        draw_window(axes[2], film.grid, window, width, height, ORANGE, fill=False)
    return figure


def draw_links(film: Filmed, a: int, b: int, count: int = 9) -> plt.Figure:
    """Two views, the windows of each that are linked to the other, and some strong links by number."""
    names = film.cameras[a], film.cameras[b]
    rows = [row for row in film.links if (row["camera_a"], row["camera_b"]) == names]
    tick = busiest(film, a)
    figure, axes = plt.subplots(1, 2, figsize=(10.4, 4.1), layout="constrained")
    ends = ("window_a", "window_b")
    for axis, camera, end in zip(axes, (a, b), ends, strict=True):
        picture = film.frame(camera, tick)
        height, width = picture.shape[:2]
        draw_view(axis, picture, f"{film.cameras[camera]}, at the same moment")
        for window in {row[end] for row in rows}:
            draw_window(axis, film.grid, window, width, height, BLUE)
        draw_grid(axis, film.grid, width, height)
    used: tuple[list[int], list[int]] = ([], [])
    for row in sorted(rows, key=lambda row: -min(row["score_ab"], row["score_ba"])):
        # Each apart from those before it, so that they can be told from each other.
        near = [
            any(row[end] in neighbours(film.grid, there) for there in used[n]) for n, end in enumerate(ends)
        ]
        if any(near) or len(used[0]) == count:
            continue
        for number, (axis, end) in enumerate(zip(axes, ends, strict=True)):
            used[number].append(row[end])
            x, y = film.grid.centre(row[end])
            place = (x * width, y * height)
            axis.text(*place, str(len(used[number])), color="white", ha="center", va="center", fontsize=11,
                      weight="bold", bbox={"boxstyle": "circle,pad=0.25", "color": ORANGE})  # fmt: skip
    return figure


def _moment(film: Filmed, *strips: Bools) -> tuple[int, int]:
    """The ticks of a stretch in which all of these come and go most often."""
    long = round(SHOWN_S * film.clock.fps)
    changes = [np.cumsum(np.concatenate([[0, 0], strip[1:] != strip[:-1]])) for strip in strips]
    # Those that change without end are worth no more than those that change four times.
    start = int(np.argmax(sum(np.minimum(count[long:] - count[:-long], 4) for count in changes)))
    on = start + np.flatnonzero(np.any(strips, axis=0)[start : start + long])
    middle = int(on[0] + on[-1]) // 2
    start = min(max(0, middle - long // 2), len(strips[0]) - long)
    return start, start + long


def choose(film: Filmed) -> tuple[int, int, int, int, int]:
    """The two cameras with most links, a window that is linked well and often visited, and one that is not.

    Returns:
        Camera a, its window i, camera b, the window j that i is linked to, and a busy one that it excludes.
    """
    names = [(row["camera_a"], row["camera_b"]) for row in film.links]
    pair = max(sorted(set(names)), key=names.count)
    rows = [row for row, name in zip(film.links, names, strict=True) if name == pair]
    a, b = (film.cameras.index(name) for name in pair)
    # In the middle of both views, so that there are neighbours on all sides.
    inner = [row for row in rows if len(neighbours(film.grid, row["window_a"])) == 9
             and len(neighbours(film.grid, row["window_b"])) == 9]  # fmt: skip
    best = max(inner, key=lambda row: row["opportunities_ab"] * min(row["score_ab"], row["score_ba"]) ** 6)
    i, j = best["window_a"], best["window_b"]
    x = film.occupied(a, i)
    excluded = [int((x & ~film.reached(b, k)).sum()) * int(film.occupied(b, k).sum())
                for k in range(film.grid.windows)]  # fmt: skip
    return a, i, b, j, int(np.argmax(excluded))


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "pictures")
    parser.add_argument(
        "--site", type=Path, help="where the run is kept, to be drawn again; otherwise nowhere"
    )
    given = parser.parse_args()
    mpl.use("agg")
    mpl.rcParams["font.size"] = 9
    with tempfile.TemporaryDirectory() as folder:
        filmed = film(given.site or Path(folder))
        a, i, b, j, other = choose(filmed)
        ours, theirs = filmed.cameras[a], filmed.cameras[b]
        pairs = [(b, j, f"{ours} i and {theirs} j, which see the same ground"),
                 (b, other, f"i and another window of {theirs}")]  # fmt: skip
        for name, figure in (
            ("detection", draw_detection(filmed)),
            ("padding", draw_padding(filmed, a, i, b, j)),
            ("exclusion", draw_exclusion(filmed, a, i, pairs)),
            ("counts", draw_counts(filmed, a, i, b)),
            ("links", draw_links(filmed, a, b)),
        ):
            # Of what was filmed a JPEG is a fifth of a PNG.
            path = given.output / f"{name}.{'png' if name == 'exclusion' else 'jpg'}"
            figure.savefig(path, dpi=110, bbox_inches="tight", pad_inches=0.06)
            print(path)


if __name__ == "__main__":
    main()
