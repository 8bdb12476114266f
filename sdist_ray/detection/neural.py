"""People found by a neural network: an ONNX model of the YOLO kind, whoever made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdist_ray.detection.detector import Detections
from sdist_ray.detection.engines import Engine, open_engine
from sdist_ray.detection.heads import Boxes, Floats, Head, Shape, Wanted, find_head, suppress
from sdist_ray.detection.letterbox import CONVENTIONS, Convention, Placement, prepare
from sdist_ray.detection.onnx_file import ModelFile, read_model
from sdist_ray.errors import InputError
from sdist_ray.video.source import Image

DEFAULT_SIZE = 640
"""Side of the input of a model that takes any size."""
MAX_SIZE = 4096
MAX_BATCH = 16
"""Images that go through a model at once: more take more memory and are no faster."""


@dataclass(frozen=True)
class NeuralSettings:
    """Of the neural detector.

    Attributes:
        model: the ONNX file.
        score: least score of a person, 0 to 1.
        nms: boxes with a larger intersection over union than this are one person.
        backend: "auto", "onnxruntime" or "opencv".
        device: "auto", "cpu" or "cuda".
        head: "auto", or the family of the model's head, one of heads.HEADS.
        classes: of the model that are people; empty for all that it knows. COCO's person is 0.
        size: side of the input in pixels, for models that take any; None for 640.
    """

    model: Path
    score: float = 0.3
    nms: float = 0.45
    backend: str = "auto"
    device: str = "auto"
    head: str = "auto"
    classes: tuple[int, ...] = (0,)
    size: int | None = None


@dataclass(frozen=True)
class Prepared:
    """An image on its way into the model.

    Attributes:
        tensor: float32 (1, 3, height, width), as the model wants it.
        placement: where the image lies in it.
    """

    tensor: Floats
    placement: Placement


@dataclass(frozen=True)
class Found:
    """What a model found in one image, the best first.

    Attributes:
        boxes: float32 (n, 4): left, top, width, height as fractions of the image, within it.
        scores: float32 (n,), 0 to 1.
        classes: int64 (n,), the model's numbers.
    """

    boxes: Floats
    scores: Floats
    classes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, boxes: Boxes, placement: Placement) -> Found:
        """Boxes of the network's input, clipped to the image; those outside go."""
        corners = placement.to_fractions(boxes.corners).clip(0, 1)
        extent = corners[:, 2:] - corners[:, :2]
        inside = (extent > 0).all(axis=1)
        found = np.concatenate([corners[:, :2], extent], axis=1)[inside]
        return cls(found, boxes.scores[inside], boxes.classes[inside])

    @property
    def detections(self) -> Detections:
        """As every detector says it."""
        return Detections(True, self.boxes, self.scores)


class NeuralModel:
    """A model that finds people. See PeopleModel; any thread may ask it.

    ``prepare`` and ``infer`` are the two halves of ``detect_many``: the first may run on one thread while the
    second runs on another.

    Attributes:
        warnings: what was to be had and is not used, a line each.
        path: the model's file.
        size: width and height of its input, pixels.
        batched: whether several images go through it at once.
    """

    def __init__(
        self, settings: NeuralSettings, file: ModelFile, engine: Engine, warnings: list[str]
    ) -> None:
        self.path = file.path
        self.warnings = warnings
        self._settings = settings
        self._engine = engine
        self.size = _input_size(file, settings.size)
        outputs = engine.run(self._blank(1))
        shapes = [_shape(output) for output in outputs]
        mine = file.metadata.get("sdist_ray.head")
        family = mine if mine is not None and settings.head == "auto" else settings.head
        fractions = file.metadata.get("sdist_ray.boxes") == "fractions"
        try:
            self._head = find_head(shapes, self.size, family, fractions)
        except InputError as error:
            raise InputError(f"{file.path}: {error}") from error
        self._wanted = _wanted(settings, self._head, file.path)
        self._convention = _convention(self._head, shapes, file.metadata)
        free = (file.inputs[0].shape or (None,))[0] is None
        self.batched = free and self._takes_two(shapes)

    @property
    def device(self) -> str:
        """See PeopleModel."""
        return self._engine.device

    @property
    def backend(self) -> str:
        """See PeopleModel."""
        return self._engine.name

    @property
    def family(self) -> str:
        """Of its head: one of heads.HEADS."""
        return self._head.family

    def prepare(self, image: Image) -> Prepared:
        """An image, uint8 (height, width, 3), BGR, of any size, as the model wants it."""
        return Prepared(*prepare(image, self.size, self._convention))

    def infer(self, batch: Sequence[Prepared]) -> list[Found]:
        """What is in each of several prepared images.

        Raises:
            InputError: the model cannot be run after all.
        """
        found: list[Found] = []
        step = MAX_BATCH if self.batched else 1
        for first in range(0, len(batch), step):
            part = batch[first : first + step]
            tensor = part[0].tensor if len(part) == 1 else np.concatenate([one.tensor for one in part])
            outputs = [np.asarray(output, dtype=np.float32) for output in self._engine.run(tensor)]
            for place, one in enumerate(part):
                boxes = self._head.decode([output[place] for output in outputs], self._wanted)
                overlap = 1.0 if self._head.suppressed else self._settings.nms
                found.append(Found.of(suppress(boxes, overlap), one.placement))
        return found

    def detect_many(self, images: Sequence[Image]) -> list[Detections]:
        """See PeopleModel."""
        return [found.detections for found in self.infer([self.prepare(image) for image in images])]

    def _blank(self, count: int) -> Floats:
        return np.zeros((count, 3, self.size[1], self.size[0]), dtype=np.float32)

    def _takes_two(self, shapes: Sequence[Shape]) -> bool:
        """Whether a batch of two gives two answers: a free first axis does not promise it."""
        try:
            outputs = self._engine.run(self._blank(2))
        except InputError:
            return False
        return [_shape(output) for output in outputs] == [(2, *shape[1:]) for shape in shapes]


def load_people_model(settings: NeuralSettings, threads: int) -> NeuralModel:
    """Read a model and make it ready; it has run once when this returns.

    Args:
        settings: checked.
        threads: that it may use, at least 1.

    Raises:
        InputError: no such file, not a detector that we can read, no such backend or device.
    """
    file = read_model(settings.model)
    _input_size(file, settings.size)
    return NeuralModel(settings, file, *open_engine(file, settings.backend, settings.device, threads))


def _shape(output: npt.NDArray[np.float32]) -> Shape:
    return tuple(int(axis) for axis in output.shape)


def _input_size(file: ModelFile, asked: int | None) -> tuple[int, int]:
    """Width and height of the model's input."""
    if len(file.inputs) != 1:
        names = ", ".join(end.name for end in file.inputs) or "none"
        raise InputError(f"{file.path}: its inputs are {names[:80]}; a detector has one, an image")
    only = file.inputs[0]
    shape = only.shape
    if shape is None or len(shape) != 4 or shape[1] not in (3, None) or not only.is_float:
        kind = "float32" if only.is_float else "another type"
        raise InputError(
            f"{file.path}: its input is {_axes(shape)} of {kind}; "
            "a detector takes float32 (n, 3, height, width)"
        )
    if shape[0] not in (1, None):
        raise InputError(f"{file.path}: made for batches of {shape[0]}; export it with a batch of 1, or any")
    height, width = (axis or asked or DEFAULT_SIZE for axis in shape[2:])
    if asked is not None and (height, width) != (asked, asked):
        raise InputError(f"{file.path}: its input is {width}x{height} and cannot be detector.size={asked}")
    if not (32 <= width <= MAX_SIZE and 32 <= height <= MAX_SIZE):
        raise InputError(f"{file.path}: its input is {width}x{height}; 32 to {MAX_SIZE} pixels are possible")
    return width, height


def _axes(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return "of no shape"
    return "(" + ", ".join("any" if axis is None else str(axis) for axis in shape) + ")"


def _wanted(settings: NeuralSettings, head: Head, path: Path) -> Wanted:
    known = head.classes
    unknown = [name for name in settings.classes if known and name >= known]
    if unknown:
        raise InputError(
            f"{path}: detector.classes has {unknown[0]}, but the model's classes are 0 to {known - 1}"
        )
    return Wanted(settings.score, settings.classes)


def _convention(head: Head, shapes: Sequence[Shape], metadata: dict[str, str]) -> Convention:
    """How the model wants its images."""
    resize = metadata.get("sdist_ray.resize")
    if resize in ("stretch", "letterbox"):
        return CONVENTIONS["stretch" if resize == "stretch" else "darknet-letterbox"]
    if head.family == "yolox":
        return CONVENTIONS["yolox"]
    # Exports with boxes and scores apart come from reimplementations of Darknet, which stretch as it does.
    return CONVENTIONS["stretch" if len(shapes) == 2 else "centre"]
