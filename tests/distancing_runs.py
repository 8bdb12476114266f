"""Small runs of sdist-ray distancing for tests: streets, and what a run left."""

import json

import cv2
import numpy as np
import pyarrow.parquet as pq

from sdist_ray.cli import main
from sdist_ray.jobs.people import GROUPS_SCHEMA, VIOLATIONS_SCHEMA
from sdist_ray.runtime.watched import PEOPLE_SCHEMA
from sdist_ray.video.files import VideoFile
from sdist_ray.video.writer import VideoWriter

TABLES = {"people": PEOPLE_SCHEMA, "violations": VIOLATIONS_SCHEMA, "groups": GROUPS_SCHEMA}


def distance(output, *arguments, cameras=None, paths=None, runtime="local"):
    """Run the command; its exit code."""
    words = ["distancing", "source=files", f"output={output}", f"runtime={runtime}", *arguments]
    words += [f"cameras={cameras}"] if cameras else []
    words += [f"source.paths=[{','.join(map(str, paths))}]"] if paths else []
    return main(words)


def read(folder):
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}
    for name, schema in TABLES.items():
        assert tables[name].schema.equals(schema), name
    return json.loads((folder / "summary.json").read_text()), tables


def frames_of(path):
    with VideoFile(path) as video:
        return [frame.image for frame in video]


def write_clip(path, images, fps=10.0):
    height, width = images[0].shape[:2]
    with VideoWriter(path, fps, (width, height)) as writer:
        for image in images:
            writer.write(image)
    return path


def street(frame, people=((-0.3, 1.6), (6.1, -1.6)), size=(320, 240)):
    """A grey street that bright people come into: sixths of its width at first, and pixels per frame."""
    rng = np.random.default_rng(frame)
    image = rng.integers(95, 105, (size[1], size[0], 3), dtype=np.uint8)
    for row, (start, speed) in enumerate(people):
        x = int(size[0] * start / 6 + speed * max(0, frame - 35))
        cv2.rectangle(image, (x, 50 + 80 * row), (x + 16, 110 + 80 * row), (230, 230, 230), -1)
    return image


def four_streets(tmp_path):
    images = [street(n) for n in range(45)]
    return [write_clip(tmp_path / f"street{number}.mp4", images) for number in range(4)]
