"""Readers of pictures: JPEG, MJPEG over HTTP, videos; and of models that look at them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.fuzzing.mutate import mutate_bytes
from benchmarks.fuzzing.texts import convert_seed
from sdist_ray.cameras.camera import Camera
from sdist_ray.detection.neural import NeuralSettings, load_people_model
from sdist_ray.detection.onnx_file import read_model
from sdist_ray.video.clip_files import Source, load
from sdist_ray.video.files import open_source
from sdist_ray.video.images import read_image
from sdist_ray.video.jpeg import decode_grey
from sdist_ray.video.multipart import Multipart, boundary_of
from sdist_ray.video.source import FrameError

Reader = Callable[[random.Random], None]
MOST_FRAMES = 200


def scene(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """Somebody who walks over a noisy floor; uint8 (height, width, 3)."""
    rng = np.random.default_rng(number)
    image = rng.normal(90, 6, (height, width, 3)).clip(0, 255).astype(np.uint8)
    left = 4 + 3 * number % (width - 12)
    image[20:44, left : left + 8] = 220
    return image


def some_jpegs() -> list[bytes]:
    """Of the kinds that cameras write: colours, grey, subsampled and not, restart markers, progressive."""
    kinds = (
        {}, {cv2.IMWRITE_JPEG_QUALITY: 30}, {cv2.IMWRITE_JPEG_PROGRESSIVE: 1},
        {cv2.IMWRITE_JPEG_RST_INTERVAL: 2},
        {cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444},
        {cv2.IMWRITE_JPEG_OPTIMIZE: 1},
    )  # fmt: skip
    found = []
    for number, kind in enumerate(kinds):
        flags = [value for pair in kind.items() for value in pair]
        found.append(cv2.imencode(".jpg", scene(number), flags)[1].tobytes())
    found.append(cv2.imencode(".jpg", scene(9)[:, :, 0])[1].tobytes())
    return found


def jpegs(folder: Path) -> Reader:
    """A JPEG image, to grey at two sizes; the project's own decoder knows its head, at times."""
    seeds = some_jpegs()
    for seed in seeds * 3:
        # The third time a head comes, it is our kernel that decodes: compiled by now.
        decode_grey(seed)

    def read(rng: random.Random) -> None:
        seed = rng.choice(seeds)
        if rng.random() < 0.6:
            # What begins as this one does is then decoded by our kernel.
            decode_grey(seed)
            decode_grey(seed)
        if rng.random() < 0.5:
            scan = seed.find(b"\xff\xda") + 14
            data = seed[:scan] + mutate_bytes(rng, seed[scan:-2], [s[200:] for s in seeds]) + b"\xff\xd9"
        else:
            data = mutate_bytes(rng, seed, seeds)
        grey = decode_grey(data, rng.choice((None, 96, 40)))
        assert grey.dtype == np.uint8
        assert grey.ndim == 2

    return read


def multiparts(folder: Path) -> Reader:
    """A stream of images over HTTP, in pieces of any length."""
    images = some_jpegs()
    kind = 'multipart/x-mixed-replace; boundary="--frame"'

    def read(rng: random.Random) -> None:
        stream = b""
        for image in images:
            head = "--frame\r\nContent-Type: image/jpeg\r\nX-Timestamp: 1769860800.25\r\n"
            stream += f"{head}Content-Length: {len(image)}\r\n\r\n".encode() + image + b"\r\n"
        said = mutate_bytes(rng, kind.encode()).decode("latin-1") if rng.random() < 0.2 else kind
        parts = Multipart(boundary_of(said))
        stream, at = mutate_bytes(rng, stream), 0
        while at < len(stream):
            size = rng.choice((1, 7, 100, 1000, 1 << 16))
            for image, time_s in parts.feed(stream[at : at + size]):
                assert image[:2] == b"\xff\xd8"
                assert time_s is None or time_s >= 0
            at += size

    return read


def videos(folder: Path) -> Reader:
    """Video files and pictures, opened as a source is and as a camera that plays as if live."""
    seeds: list[tuple[str, bytes]] = []
    for name, codec in (("a.avi", "MJPG"), ("b.mp4", "mp4v"), ("c.avi", "mp4v")):
        path = folder / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, (96, 64))
        for number in range(6):
            writer.write(scene(number))
        writer.release()
        seeds.append((name, path.read_bytes()))
    seeds += [(f"d{kind}", cv2.imencode(kind, scene(1))[1].tobytes()) for kind in (".png", ".jpg", ".bmp")]

    def read(rng: random.Random) -> None:
        name, data = rng.choice(seeds)
        path = folder / f"mutated{Path(name).suffix}"
        path.write_bytes(mutate_bytes(rng, data, [other for _, other in seeds]))
        if name.startswith("d"):
            read_image(path)
        elif rng.random() < 0.5:
            clip = load(Source(path, rng.choice((None, 10.0)), rng.random() < 0.5, 64))
            for index in range(min(MOST_FRAMES, len(clip.times))):
                if clip.stamps is None:
                    clip.content(index)
        else:
            _watch(path)

    return read


def _watch(path: Path) -> None:
    with open_source(Camera("a", str(path))) as source:
        for _ in range(MOST_FRAMES):
            if source.grab() is None:
                return
            try:
                image = source.decode()
            except FrameError:
                continue
            assert image.ndim == 3


def models(folder: Path) -> Reader:
    """What an ONNX file says of itself: what the project reads with no library."""
    data, path = convert_seed(folder), folder / "a.onnx"

    def read(rng: random.Random) -> None:
        path.write_bytes(mutate_bytes(rng, data))
        read_model(path)

    return read


def engines(folder: Path) -> Reader:
    """A model, made ready and run by the libraries: they, too, may be fed nothing that ends the process."""
    data, path, image = convert_seed(folder), folder / "a.onnx", scene(1)

    def read(rng: random.Random) -> None:
        path.write_bytes(mutate_bytes(rng, data))
        backend = rng.choice(("onnxruntime", "opencv"))
        model = load_people_model(NeuralSettings(path, backend=backend, classes=()), 1)
        model.detect_many([image])

    return read
