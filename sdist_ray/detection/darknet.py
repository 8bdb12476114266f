"""Darknet's two files: the cfg, a list of layers, and the weights, one array after another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdist_ray.errors import InputError

MAX_CFG_BYTES = 1 << 20
MAX_WEIGHTS_BYTES = 1_000_000_000
MAX_LAYERS = 2000

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Section:
    """One section of a cfg: a layer, or [net].

    Attributes:
        kind: what is between its brackets.
        where: file and line, for messages.
        options: its lines; of two with one key the first counts, as in Darknet.
    """

    kind: str
    where: str
    options: dict[str, str]

    def refuse(self, why: str) -> InputError:
        """An error about this section."""
        return InputError(f"{self.where} [{self.kind}]: {why}")

    def text(self, key: str, default: str) -> str:
        """A word."""
        return self.options.get(key, default)

    def integer(self, key: str, default: int, least: int = 0, most: int = 1 << 20) -> int:
        """A whole number.

        Raises:
            InputError: it is none, or not within the limits.
        """
        return self._whole(key, self.options.get(key, str(default)), least, most)

    def integers(self, key: str, default: str = "", least: int = -MAX_LAYERS) -> list[int]:
        """Whole numbers with commas between them."""
        text = self.options.get(key, default)
        return [self._whole(key, part, least, 1 << 20) for part in text.split(",") if part.strip()]

    def number(self, key: str, default: float) -> float:
        """A number that is finite.

        Raises:
            InputError: it is none.
        """
        return self._float(key, self.options.get(key, str(default)))

    def numbers(self, key: str) -> list[float]:
        """Numbers with commas between them."""
        parts = self.options.get(key, "").split(",")
        return [self._float(key, part) for part in parts if part.strip()]

    def _whole(self, key: str, text: str, least: int, most: int) -> int:
        value = self._float(key, text)
        if value != int(value) or not least <= value <= most:
            raise self.refuse(f"{key}={text.strip()[:40]} must be a whole number, {least} to {most}")
        return int(value)

    def _float(self, key: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.refuse(f"{key}={text.strip()[:40]} is not a number")
        return value


def read_cfg(path: Path) -> tuple[Section, list[Section]]:
    """The [net] section and the layers of a cfg.

    Raises:
        InputError: no such file, or not a Darknet cfg.
    """
    try:
        if path.stat().st_size > MAX_CFG_BYTES:
            raise InputError(f"{path}: larger than {MAX_CFG_BYTES >> 20} MB, not a Darknet cfg")
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a Darknet cfg, which is text") from error
    sections: list[Section] = []
    for number, raw in enumerate(lines, 1):
        line = raw.partition("#")[0].strip()
        if not line or line.startswith(";"):
            continue
        where = f"{path}:{number}"
        if line.startswith("[") and line.endswith("]"):
            sections.append(Section(line[1:-1].strip(), where, {}))
            continue
        key, equals, value = line.partition("=")
        if not equals or not sections:
            raise InputError(f"{where}: {line[:40]!r} is neither [section] nor key=value: not a Darknet cfg")
        sections[-1].options.setdefault(key.strip(), value.strip())
    if not sections or sections[0].kind not in ("net", "network"):
        raise InputError(f"{path}: does not begin with [net]: not a Darknet cfg")
    if not 1 < len(sections) <= MAX_LAYERS:
        raise InputError(f"{path}: {len(sections) - 1} layers; 1 to {MAX_LAYERS - 1} are possible")
    return sections[0], sections[1:]


class Weights:
    """The numbers of a weights file, taken in the layers' order.

    The header is three int32 (major, minor, revision) and the number of images seen in training: 64 bits from
    version 0.2 on, 32 before.
    """

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            InputError: no such file, or not one of Darknet's.
        """
        self.path = path
        try:
            if path.stat().st_size > MAX_WEIGHTS_BYTES:
                raise InputError(f"{path}: larger than {MAX_WEIGHTS_BYTES // 1_000_000} MB")
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        version = np.frombuffer(data[:12], dtype="<i4") if len(data) >= 12 else np.array([-1, 0, 0])
        major, minor = int(version[0]), int(version[1])
        if not (0 <= major < 1000 and 0 <= minor < 1000):
            raise InputError(f"{path}: not a Darknet weights file (its header has no version)")
        header = 20 if major * 10 + minor >= 2 else 16
        body = len(data) - header
        if body < 0 or body % 4:
            raise InputError(f"{path}: cut off, or not a Darknet weights file ({len(data)} bytes)")
        self._numbers = np.frombuffer(data, dtype="<f4", offset=header)
        self._taken = 0

    def take(self, shape: tuple[int, ...], layer: Section) -> Floats:
        """The next numbers, as an array of a shape.

        Raises:
            InputError: the file has fewer, or some are not finite.
        """
        count = math.prod(shape)
        end = self._taken + count
        if end > len(self._numbers):
            raise InputError(
                f"{self.path}: ends within {layer.where} [{layer.kind}], {end - len(self._numbers)} numbers "
                "short: cut off, or of another cfg"
            )
        part = self._numbers[self._taken : end].reshape(shape)
        if not np.isfinite(part).all():
            raise InputError(
                f"{self.path}: numbers of {layer.where} are not finite: damaged, or of another cfg"
            )
        self._taken = end
        return np.asarray(part, dtype=np.float32)

    def finish(self) -> None:
        """Raise InputError if numbers are left over."""
        left = len(self._numbers) - self._taken
        if left:
            raise InputError(
                f"{self.path}: {left} of {len(self._numbers)} numbers are left over after the last layer: "
                "of another cfg"
            )
