"""What the pages of all runs have in common: their words, numbers and pictures."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sdist_ray.report.run_folder import show
from sdist_ray.report.snapshots import write_aside

WEBP_QUALITY = 88
SETTINGS = ("command", "fps", "tolerance", "threshold", "estimator", "backend", "device")


def write_page(template: str, path: Path, **words: Any) -> Path:
    """Fill in a template of this folder and write the page, whole or not at all; values are escaped.

    Raises:
        OSError: it cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template(template).render(**words)
    # Text from file names may hold surrogates, which no page can.
    write_aside(path, html.encode("utf-8", "replace"))
    return path


def number(value: object) -> str:
    """A number for reading: thousands apart, no more digits than mean something."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    if not np.isfinite(value):
        return "–"
    if isinstance(value, int) or abs(value) >= 100:
        return f"{round(value):,}".replace(",", "\u202f")
    return f"{value:.3g}"


def share(part: int, rest: int) -> str:
    """What part of both ``part`` is, in per cent."""
    return f"{100 * part / (part + rest):.1f} %" if part + rest else "–"


def within(summary: Mapping[str, Any], *keys: str) -> Any:
    """The value at a path of keys, None where there is none."""
    value: Any = summary
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def about(summary: Mapping[str, Any]) -> str:
    """When, from what, with what: one line, of what the summary knows."""
    parts = []
    started = summary.get("started")
    if isinstance(started, int | float) and not isinstance(started, bool):
        # A number that is no time of this calendar is left out.
        with contextlib.suppress(ValueError, OverflowError, OSError):
            parts.append(f"{datetime.fromtimestamp(started, UTC):%d %B %Y, %H:%M} UTC")
    elif started:
        try:
            parts.append(f"{datetime.fromisoformat(str(started)):%d %B %Y, %H:%M %Z}".strip())
        except ValueError:
            parts.append(str(started))
    source = summary.get("source")
    kind = source.get("kind") if isinstance(source, Mapping) else source
    parts += [f"source {kind}"] if kind else []
    name = within(summary, "runtime", "name") or summary.get("runtime")
    parts += [f"runtime {name}"] if isinstance(name, str) else []
    seconds = summary.get("seconds")
    if isinstance(seconds, int | float):
        parts.append(f"{number(seconds)} s")
    return show(" · ".join(parts))


def settings_rows(
    summary: Mapping[str, Any],
    keys: tuple[str, ...] = SETTINGS,
    groups: tuple[str, ...] = ("runtime", "rates"),
) -> list[tuple[str, str]]:
    """The run's settings, of what the summary knows."""
    grid = summary.get("grid")
    rows = [
        (key, show(number(value) if isinstance(value, float) else str(value)))
        for key in keys
        if isinstance(value := summary.get(key), str | int | float)
    ]
    if isinstance(grid, Mapping):
        rows.append(("grid", f"{grid.get('columns', '?')} × {grid.get('rows', '?')} windows"))
    for group in groups:
        values = summary.get(group)
        if isinstance(values, Mapping):
            scalars = {k: v for k, v in values.items() if isinstance(v, str | int | float)}
            shown = (f"{k.replace('_', ' ')} {v if isinstance(v, str) else number(v)}"
                     for k, v in scalars.items())  # fmt: skip
            rows.append((group, show(", ".join(shown))))
    return rows


def picture_uri(path: Path) -> str:
    """The picture for the page: a tenth of the PNG's bytes, and no difference to the eye."""
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path}: just written and not readable")
    # WebP holds no side longer than 16383 pixels.
    if max(image.shape) > 16_000:
        return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    return uri(cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8), ".webp")


def uri(image_rgb: npt.NDArray[np.uint8], kind: str) -> str:
    """An image as a data URI.

    Args:
        image_rgb: uint8 (height, width, 3), red first.
        kind: ``.png`` or ``.webp``.
    """
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    quality = [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY] if kind == ".webp" else []
    _, data = cv2.imencode(kind, bgr, quality)
    return f"data:image/{kind[1:]};base64," + base64.b64encode(data.tobytes()).decode("ascii")
