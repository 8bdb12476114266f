"""sdist-ray models check: what a model finds in an image, and how fast."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from sdist_ray.detection.neural import Found, NeuralModel, load_people_model
from sdist_ray.errors import InputError
from sdist_ray.jobs.console import say
from sdist_ray.jobs.outputs import write_whole
from sdist_ray.settings import CheckJob
from sdist_ray.video.source import Image

RUNS = 7
WIDTH = 100
GREEN = (80, 220, 60)
MAX_IMAGE_BYTES = 1 << 28


def run(settings: CheckJob, config: str) -> None:
    """Print what the model finds, and where it runs; draw it where a picture is wanted."""
    if settings.output and Path(settings.output).suffix.lower() != ".png":
        raise InputError(f"output={settings.output}: a name that ends in .png would be right")
    image = _read(Path(settings.image or ""))
    model = load_people_model(settings.detector.chosen(), settings.threads or (os.cpu_count() or 1))
    for warning in model.warnings:
        say(f"warning: {warning}")
    found = model.infer([model.prepare(image)])[0]
    times = [_seconds(model, image) for _ in range(RUNS)]
    width, height = model.size
    print(
        f"{model.path.name}: {model.family} head, input {width}x{height}, "
        f"{'batches' if model.batched else 'one image at a time'}"
    )
    print(f"runs on {model.device} by {model.backend}, {statistics.median(times) * 1e3:.1f} ms an image")
    _print(found, image)
    if settings.output:
        picture = _draw(found, image)
        write_whole(Path(settings.output), lambda partial: _write(partial, picture))
        print(f"picture: {settings.output}")


def _read(path: Path) -> Image:
    """An image file, BGR."""
    try:
        if path.stat().st_size > MAX_IMAGE_BYTES:
            raise InputError(f"{path}: larger than {MAX_IMAGE_BYTES >> 20} MB, not an image to look at")
        data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f"{path}: not a readable image")
    return np.asarray(image, dtype=np.uint8)


def _seconds(model: NeuralModel, image: Image) -> float:
    start = time.perf_counter()
    model.detect_many([image])
    return time.perf_counter() - start


def _print(found: Found, image: Image) -> None:
    height, width = image.shape[:2]
    table = Table(box=box.SIMPLE)
    for name in ("class", "score", "left", "top", "width", "height"):
        table.add_column(name, justify="right")
    unit = np.array([width, height, width, height])
    for corner, score, name in zip(found.boxes * unit, found.scores, found.classes, strict=True):
        table.add_row(str(name), f"{score:.2f}", *(f"{value:.0f}" for value in corner))
    Console(width=WIDTH).print(table if len(found.boxes) else "nothing found")


def _draw(found: Found, image: Image) -> Image:
    picture = image.copy()
    height, width = image.shape[:2]
    for (left, top, wide, tall), score, name in zip(found.boxes, found.scores, found.classes, strict=True):
        low = (round(left * width), round(top * height))
        high = (round((left + wide) * width), round((top + tall) * height))
        cv2.rectangle(picture, low, high, GREEN, 2)
        place = (low[0] + 2, max(12, low[1] - 4))
        cv2.putText(picture, f"{name} {score:.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, GREEN, 1)
    return picture


def _write(path: Path, picture: Image) -> None:
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
