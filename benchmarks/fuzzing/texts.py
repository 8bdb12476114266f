"""Readers of text: cameras.yaml, calibrations, Darknet's cfg and weights, and lists of groups."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.fuzzing.mutate import mutate_bytes, mutate_text, mutate_tree
from sdist_ray.cameras.camera import Camera
from sdist_ray.cameras.described import describe, described, read_cameras
from sdist_ray.detection.darknet_convert import convert
from sdist_ray.detection.onnx_file import read_model
from sdist_ray.jobs.groups import read_groups, write_groups

Reader = Callable[[random.Random], None]

INTRINSIC = """<?xml version="1.0"?><opencv_storage><camera_matrix type_id="opencv-matrix"><rows>3</rows>
<cols>3</cols><dt>d</dt><data>1743.4 0. 934.5 0. 1735.1 444.4 0. 0. 1.</data></camera_matrix>
<distortion_coefficients type_id="opencv-matrix"><rows>5</rows><cols>1</cols><dt>d</dt><data>
-0.43 0.62 0.008 0.0018 -0.69</data></distortion_coefficients></opencv_storage>"""
EXTRINSIC = """<?xml version="1.0"?><opencv_storage><rvec>1.759 0.467 -0.331</rvec>
<tvec>-525.8 45.4 986.7</tvec></opencv_storage>"""
CORNERS = [[201, 119], [592, 118], [781, 579], [2, 579]]
CALIBRATIONS: dict[str, Any] = {
    "ground": {
        "kind": "homography", "image_size": [800, 600], "image_points": CORNERS,
        "ground_points": [[3, 15], [10, 15], [10, 5], [3, 5]], "focal_px": 900.0,
    },
    "lengths": {
        "kind": "homography", "image_size": [800, 600], "image_points": CORNERS, "lengths_m": [7, 10],
    },
    "files": {
        "kind": "pinhole", "image_size": [1920, 1080], "intrinsic": "intr.xml", "extrinsic": "extr.xml",
        "unit_m": 0.01,
    },
    "numbers": {
        "kind": "pinhole", "image_size": [1920, 1080],
        "camera_matrix": [[1000, 0, 960], [0, 1000, 540], [0, 0, 1]],
        "rvec": [1.8, 0.2, -0.1], "tvec": [0.1, 2.0, 9.0], "distortion": [-0.2, 0.1, 0, 0, 0],
    },
    "view": {"kind": "perspective", "view_deg": 90, "person_height_m": 1.7},
    "focal": {"kind": "perspective", "focal_px": 800.0, "image_size": [800, 600]},
    "pixel": {"kind": "pixel"},
}  # fmt: skip
CAMERAS: list[Any] = [
    {
        "id": "lobby", "url": "videos/lobby.mp4", "fps": 10, "start": "2026-01-31T12:00:00Z", "grid": [12, 9],
        "mask": [[[0, 0], [1, 0], [1, 0.1], [0, 0.1]]],
    },
    {"id": 7, "url": "rtsp://user:secret@host:554/stream?a=b", "grid": {"columns": 12, "rows": 9}},
    {"id": "door", "url": "webcam:0", "start": 1769860800.5},
    {"id": "smart", "url": "tcp://host:4000"},
    {"id": "drop", "url": "drop:records"},
    {"id": "file", "url": "a.mp4", "replay": {"start_s": 5.0, "offset_s": 1.5, "loop": True, "width": 320}},
]  # fmt: skip
CFG = """[net]
batch=1
width=96
height=64
channels=3
[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky
[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
groups=8
activation=mish
[maxpool]
size=2
stride=1
[shortcut]
from=-2
activation=linear
[route]
layers=-1,-3
[upsample]
stride=2
[route]
layers=-1
groups=2
group_id=1
[dropout]
probability=.15
[convolutional]
filters=16
size=1
stride=1
pad=1
activation=linear
[yolo]
mask=0,1
anchors = 10,14, 23,27, 37,58, 81,82
num=4
classes=3
scale_x_y = 1.05
"""
CFG_WEIGHTS = 496
"""Numbers that it takes."""


def cameras(folder: Path) -> Reader:
    """cameras.yaml, read, and once more from what it becomes on the way to a network."""
    seeds = [*CAMERAS, *({"id": name, "calibration": value} for name, value in CALIBRATIONS.items())]
    _write_xml(folder)
    path = folder / "cameras.yaml"

    def read(rng: random.Random) -> None:
        seed = rng.sample(seeds, rng.choice((1, 1, 3)))
        if rng.random() < 0.3:
            path.write_bytes(mutate_text(rng, yaml.safe_dump(seed, sort_keys=False)))
        else:
            tree = mutate_tree(rng, seed)
            path.write_text(_dumped(tree), errors="surrogatepass")
        for camera in read_cameras(path):
            _use(camera)
            again = described(json.loads(json.dumps([describe(camera)])), Path("/elsewhere"))
            if camera.calibration is None:
                # Arrays are not compared as one value.
                assert again == [dataclasses.replace(camera, url=again[0].url, mask=again[0].mask)]

    return read


def _dumped(tree: object) -> str:
    """As YAML; lists in lists in lists beyond what PyYAML writes are brackets."""
    try:
        return yaml.dump(tree, sort_keys=False)
    except RecursionError:
        return "[" * 2000 + "]" * 2000


def calibrations(folder: Path) -> Reader:
    """A calibration in a file of its own, and OpenCV's XML files; points go to the ground and back."""
    path = folder / "calibration.yaml"

    def read(rng: random.Random) -> None:
        seed = rng.choice(list(CALIBRATIONS.values()))
        _write_xml(folder)
        if "intrinsic" in seed and rng.random() < 0.8:
            name, text = rng.choice((("intr.xml", INTRINSIC), ("extr.xml", EXTRINSIC)))
            (folder / name).write_bytes(mutate_text(rng, text))
        else:
            seed = mutate_tree(rng, seed)
        path.write_text(_dumped(seed), errors="surrogatepass")
        for camera in described([{"id": "a", "calibration": path.name}], folder):
            _use(camera)

    return read


def darknet(folder: Path) -> Reader:
    """A cfg and its weights, converted; what comes out must be a model in good order."""
    cfg, weights, model = folder / "a.cfg", folder / "a.weights", folder / "a.onnx"
    whole = some_weights()
    convert_seed(folder)

    def read(rng: random.Random) -> None:
        cfg.write_text(CFG)
        weights.write_bytes(whole)
        if rng.random() < 0.7:
            cfg.write_bytes(mutate_text(rng, CFG))
            if rng.random() < 0.5:
                # As many weights as it may want, so that it goes beyond the first layer.
                weights.write_bytes(whole + whole[20:] * rng.choice((4, 64)))
        else:
            weights.write_bytes(mutate_bytes(rng, whole))
        model.write_bytes(convert(cfg, weights))
        read_model(model)

    return read


def some_weights() -> bytes:
    """Weights for CFG; all above 0, for variances are among them."""
    numbers = np.random.default_rng(1).uniform(0.01, 0.3, CFG_WEIGHTS).astype(np.float32)
    return np.array([0, 2, 5], np.int32).tobytes() + bytes(8) + numbers.tobytes()


def convert_seed(folder: Path) -> bytes:
    """The model that CFG is; raises InputError where it is none."""
    cfg, weights = folder / "seed.cfg", folder / "seed.weights"
    cfg.write_text(CFG)
    weights.write_bytes(some_weights())
    return convert(cfg, weights)


def groups(folder: Path) -> Reader:
    """A list of groups; what it says is written and read once more."""
    path, again = folder / "groups.csv", folder / "again.csv"
    names = [f"c{number:02}" for number in range(20)]
    text = "camera,group\n" + "".join(f"{name},g{at // 5}\n" for at, name in enumerate(names))

    def read(rng: random.Random) -> None:
        path.write_bytes(mutate_text(rng, text))
        found = read_groups(path, names)
        write_groups(again, found.groups)
        assert set(read_groups(again, names).groups) == set(found.groups)

    return read


def _write_xml(folder: Path) -> None:
    (folder / "intr.xml").write_text(INTRINSIC)
    (folder / "extr.xml").write_text(EXTRINSIC)


def _use(camera: Camera) -> None:
    """What is asked of a camera that was read."""
    camera.mask.ignored(64, 48)
    if camera.calibration is not None:
        points = np.array([[0.0, 0.0], [400.0, 300.0], [799.0, 599.0], [1e9, -1e9]])
        ground = camera.calibration.to_ground(points)
        camera.calibration.to_image(ground)
        camera.calibration.to_image_above(ground, 1.7)
