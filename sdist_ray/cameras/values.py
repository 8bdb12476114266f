"""Values of a YAML file, checked: what is wrong is said with the value's name."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from sdist_ray.errors import InputError, refuse_endless

MAX_YAML_BYTES = 32 << 20


def read_yaml(path: Path) -> object:
    """What a YAML file holds.

    Raises:
        InputError: not readable, huge, or not YAML.
    """
    try:
        refuse_endless(path)
        if path.stat().st_size > MAX_YAML_BYTES:
            raise InputError(f"{path}: larger than {MAX_YAML_BYTES >> 20} MB, not a cameras file")
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise InputError(f"{path}: not valid YAML ({reason})") from error


def read_number(value: object, key: str) -> float:
    """A finite number."""
    try:
        # A whole number may be larger than any float.
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InputError(f"{key} must be a number, not {show(value)}")
    return number


def read_positive(value: object, key: str) -> float:
    """A finite number above 0."""
    number = read_number(value, key)
    if number <= 0:
        raise InputError(f"{key} must be above 0, not {show(value)}")
    return number


def read_numbers(value: object, key: str) -> list[float]:
    """A list of numbers, or of lists of them."""
    if not isinstance(value, list) or len(value) > 100:
        raise InputError(f"{key} must be a list of numbers (or give intrinsic and extrinsic files)")
    flat = [n for row in value for n in (row if isinstance(row, list) else [row])]
    return [read_number(n, key) for n in flat]


def read_points(value: object, key: str, least: int) -> npt.NDArray[np.float64]:
    """Points [x, y], (n, 2), n at least ``least``; a third coordinate is left out."""
    if not isinstance(value, list) or not least <= len(value) <= 10_000:
        raise InputError(f"{key} must be a list of at least {least} points [x, y]")
    for point in value:
        if not isinstance(point, list) or len(point) not in (2, 3):
            raise InputError(f"{key} must be points [x, y], not {show(point)}")
    return np.array([[read_number(n, key) for n in point[:2]] for point in value])


def read_image_size(value: Mapping[Any, Any]) -> tuple[int, int]:
    """``image_size``: (width, height) in pixels."""
    size = value.get("image_size")
    if not isinstance(size, list) or len(size) != 2 or not all(type(n) is int for n in size):
        raise InputError("image_size must be [width, height] in pixels")
    if not all(0 < n <= 100_000 for n in size):
        raise InputError(f"image_size must be positive, not {size}")
    return size[0], size[1]


def show(value: object) -> str:
    """A value, cut short."""
    return reprlib.repr(value)
