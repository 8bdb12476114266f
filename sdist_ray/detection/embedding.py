"""What people look like, as numbers: the user's model, an ONNX file or a function of their own."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from sdist_ray.detection.engines import Tensor, open_engine
from sdist_ray.detection.onnx_file import read_model
from sdist_ray.errors import InputError

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Embed = Callable[[Sequence[Image]], Floats]
"""Pictures of people, uint8 (height, width, 3), BGR, to embeddings, (n, d): the more alike two people look,
the greater is the cosine of theirs."""

SIZE = (128, 256)
"""Width and height that models of persons take, where they take any."""
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours, red first, which nearly all such models were trained with."""
BINS, LAB = (3, 8, 8), (0, 256, 64, 192, 64, 192)
"""Of light, and of both colours; and their ranges, as OpenCV has them in bytes."""


def load_embedding(name: str, threads: int = 1) -> Embed:
    """A model by its name.

    Args:
        name: an ONNX file, with one input (n or 1, 3, height, width), red first, scaled as for ImageNet; or
            ``module:function`` of the user's own, see Embed.
        threads: that the model may use.

    Raises:
        InputError: there is no such model, or it is none.
    """
    module, colon, function = name.partition(":")
    if colon and all(part.isidentifier() for part in [*module.split("."), function]):
        try:
            made = getattr(importlib.import_module(module), function)
        except (Exception, SystemExit) as error:
            # Of the user's own code, which may be anything.
            said = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"tracking.appearance {name!r}: {type(error).__name__}: {said}") from error
        if not callable(made):
            raise InputError(f"tracking.appearance {name!r} is not a function")
        return _checked(name, made)
    if Path(name).suffix.lower() != ".onnx":
        raise InputError(f"tracking.appearance {name!r} is neither an .onnx file nor module:function")
    return _checked(name, _OnnxEmbedding(Path(name), threads))


def clothes(pictures: Sequence[Image]) -> Floats:
    """A plain embedding without a network: histograms of colour of the upper and lower body, (n, 384).

    Square roots of shares in CIELAB, so that a cosine is what two histograms have in common (Bhattacharyya);
    good enough to tell a red coat from a blue one.
    """
    found = []
    for picture in pictures:
        height, width = picture.shape[:2]
        # What surrounds a person in the box says nothing of the person.
        middle = picture[:, width // 5 : max(width - width // 5, width // 5 + 1)]
        parts = []
        for top, bottom in ((0.15, 0.5), (0.5, 0.85)):
            band = middle[int(top * height) : max(int(bottom * height), int(top * height) + 1)]
            colours = np.ascontiguousarray(cv2.cvtColor(band, cv2.COLOR_BGR2Lab))
            share = cv2.calcHist([colours], [0, 1, 2], None, BINS, LAB).astype(np.float64)
            # A colour at the edge of two bins is in both.
            share = gaussian_filter(share, 0.6, mode="nearest")
            parts.append(np.sqrt(share.ravel() / max(share.sum(), 1e-9)))
        found.append(np.concatenate(parts))
    return np.array(found, dtype=np.float64).reshape(len(pictures), 2 * math.prod(BINS))


def _checked(name: str, embed: Callable[[Sequence[Image]], object]) -> Embed:
    """The function, with what it returns looked at."""
    width: int | None = None

    def checked(pictures: Sequence[Image]) -> Floats:
        try:
            found = np.asarray(embed(pictures), dtype=np.float64)
        except InputError:
            raise
        except Exception as error:
            said = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"tracking.appearance {name!r}: {type(error).__name__}: {said}") from error
        if found.ndim != 2 or len(found) != len(pictures) or not found.shape[1]:
            raise InputError(
                f"tracking.appearance {name!r} must return an array ({len(pictures)}, d), not {found.shape}"
            )
        nonlocal width
        width = width or found.shape[1]
        if found.shape[1] != width:
            now = found.shape[1]
            raise InputError(
                f"tracking.appearance {name!r} returned embeddings of {width} numbers, and now of {now}"
            )
        return found

    return checked


class _OnnxEmbedding:
    def __init__(self, path: Path, threads: int) -> None:
        model = read_model(path)
        shape = model.inputs[0].shape if len(model.inputs) == 1 else None
        if shape is None or len(shape) != 4 or shape[1] not in (3, None):
            raise InputError(f"{path}: an embedding model takes one input (n, 3, height, width)")
        self._size = (shape[3] or SIZE[0], shape[2] or SIZE[1])
        self._together = shape[0] is None
        self._engine, _ = open_engine(model, "auto", "auto", threads)

    def __call__(self, pictures: Sequence[Image]) -> Floats:
        images = [cv2.resize(picture, self._size)[:, :, ::-1] for picture in pictures]
        scaled = ((np.array(images, np.float32) / 255 - MEAN) / SPREAD).transpose(0, 3, 1, 2)
        tensor: Tensor = np.ascontiguousarray(scaled, dtype=np.float32)
        parts: list[Tensor] = [tensor] if self._together else [tensor[k : k + 1] for k in range(len(tensor))]
        found = [self._engine.run(part)[0].reshape(len(part), -1) for part in parts]
        return np.concatenate(found).astype(np.float64)
