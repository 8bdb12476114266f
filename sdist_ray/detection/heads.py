"""What detection heads put out, as boxes: one decoder per family, and how to tell the families apart.

    yolox    (n, A, 5+C), one row per cell of the grids of strides 8, 16, 32 (and 64): centre and size as
             offsets from the cell, objectness, classes
    yolov3   (n, A, 5+C), three rows or so per cell: centre and size in pixels of the input (in fractions in
             our own conversions), objectness, classes; or two outputs, corners (n, A, 1, 4) in fractions and
             classes (n, A, C), as common exports of YOLOv4 have it
    yolov8   (n, 4+C, A): centre and size in pixels of the input, classes; YOLOv8 and later
    end2end  (n, N, 6): corners in pixels of the input, score, class, with duplicates already removed;
             YOLOv10, YOLO26 and models exported with suppression inside

Most rows are background: rows are filtered by score before anything else is computed of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.errors import InputError

HEADS = ("auto", "yolox", "yolov3", "yolov8", "end2end")
MAX_CANDIDATES = 1000
"""Best boxes of an image that suppression looks at."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Boxes:
    """What a head found in one image.

    Attributes:
        corners: float32 (n, 4): left, top, right, bottom, pixels of the network's input.
        scores: float32 (n,), 0 to 1.
        classes: int64 (n,).
    """

    corners: Floats
    scores: Floats
    classes: Ints

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Boxes:
        """Some of them."""
        return Boxes(self.corners[rows], self.scores[rows], self.classes[rows])


@dataclass(frozen=True)
class Wanted:
    """Which boxes count.

    Attributes:
        score: least score.
        classes: of the model's classes; empty for all.
    """

    score: float
    classes: tuple[int, ...]

    def best(self, rows: Floats) -> tuple[Floats, Ints]:
        """The best wanted class of each row of class scores (n, C): its score, and which it is."""
        if len(self.classes) == 1:
            which = self.classes[0]
            return rows[:, which], np.full(len(rows), which, dtype=np.int64)
        names = np.array(self.classes or range(rows.shape[1]), dtype=np.int64)
        some = rows if not self.classes else rows[:, names]
        place = some.argmax(axis=1)
        return some[np.arange(len(some)), place], names[place]


@dataclass(frozen=True)
class Head:
    """How one model's outputs are read.

    Attributes:
        family: one of HEADS, not "auto".
        classes: how many the model knows; 0 where its outputs do not tell.
        decode: one image's part of every output, and what is wanted of it, to boxes.
        suppressed: whether the model has removed duplicates itself.
    """

    family: str
    classes: int
    decode: Callable[[Sequence[Floats], Wanted], Boxes]
    suppressed: bool = False


def find_head(
    shapes: Sequence[Shape], size: tuple[int, int], family: str = "auto", fractions: bool = False
) -> Head:
    """How outputs of these shapes are read.

    Args:
        shapes: of the outputs for one image, in order.
        size: width and height of the network's input.
        family: one of HEADS.
        fractions: whether a yolov3 head's boxes are fractions of the input rather than pixels.

    Raises:
        InputError: the outputs are none that we know, or not of the family.
    """
    known = _recognise(shapes, size)
    if family == "auto":
        family = known or ""
    elif family not in _possible(shapes, size):
        raise InputError(f"detector.head={family} does not go with outputs of {_readable(shapes)}")
    if len(shapes) == 2 and family == "yolov3":
        boxes = next(place for place, shape in enumerate(shapes) if shape[-1] == 4)
        classes = shapes[1 - boxes][2]
        width, height = size
        return Head(family, classes, lambda outputs, wanted: _pair(outputs, wanted, boxes, width, height))
    if family == "yolox":
        grid, stride = _cells(size, _strides(shapes[0][1], size) or (8, 16, 32))
        return Head(family, shapes[0][2] - 5, lambda outputs, wanted: _yolox(outputs, wanted, grid, stride))
    if family == "yolov3":
        unit = np.array(size if fractions else (1, 1), dtype=np.float32)
        return Head(family, shapes[0][2] - 5, lambda outputs, wanted: _yolov3(outputs, wanted, unit))
    if family == "yolov8":
        return Head(family, shapes[0][1] - 4, _yolov8)
    if family == "end2end":
        return Head(family, 0, _end2end, suppressed=True)
    raise InputError(
        f"a model with outputs of {_readable(shapes)} for an input of {size[0]}x{size[1]} is none of those "
        f"known ({', '.join(HEADS[1:])}); if it is, say detector.head"
    )


def _recognise(shapes: Sequence[Shape], size: tuple[int, int]) -> str | None:
    """The family of a model by its outputs; None where they fit none.

    The number of rows tells, for it is that of the grids' cells, or three times as many.
    """
    possible = _possible(shapes, size)
    if len(shapes) != 1 or not possible:
        return possible[0] if possible else None
    _, rows, columns = shapes[0]
    if "yolox" in possible:
        return "yolox"
    if "yolov8" in possible and _strides(columns, size):
        return "yolov8"
    if "yolov3" in possible and _anchors(rows, size):
        return "yolov3"
    return "end2end" if "end2end" in possible else None


def _possible(shapes: Sequence[Shape], size: tuple[int, int]) -> list[str]:
    """The families whose outputs can have these shapes."""
    if len(shapes) == 2:
        four = [shape for shape in shapes if len(shape) in (3, 4) and shape[-1] == 4]
        rest = [shape for shape in shapes if len(shape) == 3]
        fits = any(shape is not other and shape[1] == other[1] for shape in four for other in rest)
        return ["yolov3"] if fits else []
    if len(shapes) != 1 or len(shapes[0]) != 3:
        return []
    _, rows, columns = shapes[0]
    found = []
    if columns >= 6:
        found += ["yolox"] if _strides(rows, size) else []
        found += ["yolov3"] if rows > columns else []
    found += ["end2end"] if columns == 6 else []
    found += ["yolov8"] if rows >= 5 and columns > rows else []
    return found


def _strides(rows: int, size: tuple[int, int], per_cell: int = 1) -> tuple[int, ...] | None:
    """The strides of the grids that have this many rows together."""
    for strides in ((8, 16, 32), (8, 16, 32, 64)):
        cells = sum((size[0] // stride) * (size[1] // stride) for stride in strides)
        if rows == per_cell * cells:
            return strides
    return None


def _anchors(rows: int, size: tuple[int, int]) -> bool:
    """Whether a head with three anchors per cell has this many rows."""
    tiny = 3 * sum((size[0] // stride) * (size[1] // stride) for stride in (16, 32))
    return rows == tiny or _strides(rows, size, per_cell=3) is not None


def _cells(size: tuple[int, int], strides: Sequence[int]) -> tuple[Floats, Floats]:
    """Column and row (A, 2), and stride (A, 1), of every cell of the grids."""
    grids, widths = [], []
    for stride in strides:
        columns, rows = size[0] // stride, size[1] // stride
        x, y = np.meshgrid(np.arange(columns), np.arange(rows))
        grids.append(np.stack([x.ravel(), y.ravel()], axis=1))
        widths.append(np.full((columns * rows, 1), stride))
    return np.concatenate(grids).astype(np.float32), np.concatenate(widths).astype(np.float32)


def _with_objectness(rows: Floats, wanted: Wanted) -> tuple[npt.NDArray[np.int64], Floats, Ints]:
    """Rows (A, 5+C) that score enough: which, how much, and what they are."""
    # A class's score is at most 1: where objectness is too little, the product is as well.
    some = np.flatnonzero(rows[:, 4] >= wanted.score)
    scores, classes = wanted.best(rows[some, 5:])
    scores = scores * rows[some, 4]
    enough = scores >= wanted.score
    return some[enough], scores[enough], classes[enough]


def _yolox(outputs: Sequence[Floats], wanted: Wanted, grid: Floats, stride: Floats) -> Boxes:
    rows = outputs[0]
    some, scores, classes = _with_objectness(rows, wanted)
    centre = (rows[some, :2] + grid[some]) * stride[some]
    with np.errstate(over="ignore"):
        extent = np.exp(rows[some, 2:4]) * stride[some]
    return Boxes(_corners(centre, extent), scores, classes)


def _yolov3(outputs: Sequence[Floats], wanted: Wanted, unit: Floats) -> Boxes:
    rows = outputs[0]
    some, scores, classes = _with_objectness(rows, wanted)
    return Boxes(_corners(rows[some, :2] * unit, rows[some, 2:4] * unit), scores, classes)


def _pair(outputs: Sequence[Floats], wanted: Wanted, boxes: int, width: int, height: int) -> Boxes:
    corners, rows = outputs[boxes].reshape(-1, 4), outputs[1 - boxes]
    scores, classes = wanted.best(rows)
    enough = scores >= wanted.score
    unit = np.array([width, height] * 2, dtype=np.float32)
    return Boxes(corners[enough] * unit, scores[enough], classes[enough])


def _yolov8(outputs: Sequence[Floats], wanted: Wanted) -> Boxes:
    columns = outputs[0]
    if len(wanted.classes) == 1:
        enough = np.flatnonzero(columns[4 + wanted.classes[0]] >= wanted.score)
    else:
        enough = np.flatnonzero((columns[4:] >= wanted.score).any(axis=0))
    rows = columns[:, enough].T
    scores, classes = wanted.best(rows[:, 4:])
    found = Boxes(_corners(rows[:, :2], rows[:, 2:4]), scores, classes)
    return found.take(scores >= wanted.score)


def _end2end(outputs: Sequence[Floats], wanted: Wanted) -> Boxes:
    rows = outputs[0]
    rows = rows[rows[:, 4] >= wanted.score]
    classes = np.nan_to_num(rows[:, 5], nan=-1, posinf=-1, neginf=-1).astype(np.int64)
    found = Boxes(rows[:, :4], rows[:, 4], classes)
    return found.take(np.isin(classes, wanted.classes)) if wanted.classes else found


def _corners(centre: Floats, extent: Floats) -> Floats:
    half = extent * np.float32(0.5)
    return np.concatenate([centre - half, centre + half], axis=1)


def suppress(boxes: Boxes, overlap: float) -> Boxes:
    """Greedy non-maximum suppression within each class, the best first.

    Args:
        boxes: of one image.
        overlap: a box whose intersection over union with a better one is more than this goes.

    Returns:
        Those that stay, the best first; boxes with numbers that are not finite, or without area, go.
    """
    sound = np.isfinite(boxes.corners).all(axis=1) & np.isfinite(boxes.scores)
    sound &= (boxes.corners[:, 2:] > boxes.corners[:, :2]).all(axis=1)
    boxes = boxes.take(sound)
    boxes = boxes.take(np.argsort(-boxes.scores, kind="stable")[:MAX_CANDIDATES])
    low, high = boxes.corners[:, :2].astype(np.float64), boxes.corners[:, 2:].astype(np.float64)
    area = (high - low).prod(axis=1)
    left = np.ones(len(area), dtype=np.bool_)
    kept = []
    for row in range(len(area)):
        if not left[row]:
            continue
        kept.append(row)
        rest = row + 1 + np.flatnonzero(left[row + 1 :] & (boxes.classes[row + 1 :] == boxes.classes[row]))
        common = np.minimum(high[row], high[rest]) - np.maximum(low[row], low[rest])
        shared = np.maximum(common, 0).prod(axis=1)
        left[rest[shared > overlap * (area[row] + area[rest] - shared)]] = False
    return boxes.take(np.array(kept, dtype=np.int64))


def _readable(shapes: Sequence[Shape]) -> str:
    return " and ".join("(" + ", ".join(str(axis) for axis in shape) + ")" for shape in shapes) or "nothing"
