"""The neural detector from file to boxes, on tiny models of every family; bad files, devices, masks."""

import contextlib
import importlib
import pickle
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import onnx
import pytest

from sdist_ray.cameras.camera import Mask
from sdist_ray.detection import engines
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.detection.make import make_detector
from sdist_ray.detection.neural import NeuralSettings, load_people_model
from sdist_ray.detection.onnx_file import read_model
from sdist_ray.detection.people import PeopleDetector
from sdist_ray.errors import InputError
from tests.detection import models

BACKENDS = ["onnxruntime", "opencv"]
# What each tiny model sees in an image as square as its input: left, top, width, height, 64 pixels.
FAMILIES = {
    "yolox": (models.yolox, (28, 20, 16, 32), "blue", 0),
    "yolov3": (models.yolov3, (24, 12, 16, 8), "red", 1),
    "yolov4_pair": (models.yolov4_pair, (16, 8, 32, 24), "red", 1),
    "yolov8": (models.yolov8, (24, 12, 16, 8), "red", 1),
    "end2end": (models.end2end, (24, 12, 16, 8), "red", 1),
}
COLOURS = {"red": (0, 0, 200), "blue": (200, 0, 0), "grey": (150, 150, 150)}


def picture(colour, width=64, height=64):
    image = np.empty((height, width, 3), np.uint8)
    image[:] = COLOURS[colour]
    return image


def load(path, threads=1, **settings):
    return load_people_model(NeuralSettings(path, **{"classes": (0, 1)} | settings), threads)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("batch", [1, "batch"])
def test_every_family_on_both_backends(tmp_path, family, backend, batch):
    make, box, colour, name = FAMILIES[family]
    model = load(make(tmp_path / "m.onnx", batch=batch), backend=backend)
    assert (model.device, model.backend, model.size) == ("cpu", backend, (64, 64))
    assert model.family == family.replace("4_pair", "3")
    assert model.batched == (batch == "batch")
    found = model.infer([model.prepare(picture(colour))])[0]
    assert found.boxes.dtype == found.scores.dtype == np.float32
    np.testing.assert_allclose(found.boxes * 64, [box], atol=1e-3)
    np.testing.assert_allclose(found.scores, [200 / 255], atol=1e-3)
    assert found.classes.tolist() == [name]
    other = "blue" if colour == "red" else "red"
    images = [picture(colour), picture(other), picture(colour, 128, 64)] * 7
    many = model.detect_many(images)
    assert [len(seen.boxes) for seen in many[:2]] == [1, 0]
    assert all(seen.available for seen in many)
    # One by one or together: the same.
    for image, seen in zip(images, many, strict=True):
        alone = model.detect_many([image])[0]
        np.testing.assert_allclose(alone.boxes, seen.boxes, atol=1e-6)
        np.testing.assert_allclose(alone.scores, seen.scores, atol=1e-6)


def test_a_wide_image_is_seen_where_it_is(tmp_path):
    """Of a 128x64 image, the input's middle band is the image: half the size, 16 rows down."""
    model = load(models.yolov8(tmp_path / "m.onnx", place=(32, 32, 16, 16)))
    seen = model.detect_many([picture("grey", 128, 64)])[0]
    np.testing.assert_allclose(seen.boxes, [[0.375, 0.25, 0.25, 0.5]], atol=1e-6)


def test_boxes_are_clipped_and_those_outside_go(tmp_path):
    model = load(models.yolov8(tmp_path / "m.onnx", place=(32, 32, 100, 100)))
    np.testing.assert_allclose(model.detect_many([picture("red")])[0].boxes, [[0, 0, 1, 1]])
    model = load(models.yolov8(tmp_path / "m.onnx", place=(32, 4, 8, 4)))
    assert len(model.detect_many([picture("grey", 128, 64)])[0].boxes) == 0


def test_only_the_classes_that_are_wanted_count(tmp_path):
    path = models.yolov8(tmp_path / "m.onnx")
    assert len(load(path, classes=(0,)).detect_many([picture("red")])[0].boxes) == 0
    assert len(load(path, classes=()).detect_many([picture("red")])[0].boxes) == 1
    assert len(load(path, score=0.9).detect_many([picture("red")])[0].boxes) == 0
    with pytest.raises(InputError, match="classes has 2, but the model's classes are 0 to 1"):
        load(path, classes=(2,))


def test_a_model_says_how_its_images_are_prepared(tmp_path):
    """Darknet's own stretches: the box of the input is the box of the image."""
    metadata = {"sdist_ray.head": "yolov3", "sdist_ray.boxes": "fractions", "sdist_ray.resize": "stretch"}
    model = load(models.yolov3(tmp_path / "m.onnx", (0.5, 0.25, 0.2, 0.1), 50, metadata=metadata))
    seen = model.detect_many([picture("red", 128, 32)])[0]
    np.testing.assert_allclose(seen.boxes, [[0.4, 0.2, 0.2, 0.1]], atol=1e-6)


def test_a_free_size_takes_the_one_asked_for(tmp_path):
    path = models.yolov8(tmp_path / "m.onnx", size="side")
    assert load(path, head="yolov8").size == (640, 640)
    assert load(path, head="yolov8", size=96).size == (96, 96)
    with pytest.raises(InputError, match=r"64x64 and cannot be detector\.size=96$"):
        load(models.yolov8(tmp_path / "n.onnx"), size=96)


def test_people_on_masked_ground_are_dropped(tmp_path):
    model = load(models.yolov8(tmp_path / "m.onnx", place=(32, 16, 16, 8)))
    lower_edge = Mask((((0, 0.3), (1, 0.3), (1, 0.4), (0, 0.4)),))
    upper_edge = Mask((((0, 0), (1, 0), (1, 0.25), (0, 0.25)),))
    assert len(PeopleDetector(model, lower_edge).detect(picture("red")).boxes) == 0
    for mask in (None, Mask(), upper_edge):
        assert len(PeopleDetector(model, mask).detect(picture("red")).boxes) == 1


class NoCuda:
    """An ONNX Runtime that offers CUDA and then silently goes without it."""

    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        return getattr(self._real, name)

    def get_available_providers(self):
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def preload_dlls(self):
        raise RuntimeError("no CUDA libraries")

    def InferenceSession(self, data, options, providers, **more):
        assert providers == ["CUDAExecutionProvider", "CPUExecutionProvider"]
        return self._real.InferenceSession(data, options, providers=["CPUExecutionProvider"], **more)


class BrokenCuda(NoCuda):
    """One that raises instead."""

    def InferenceSession(self, data, options, providers, **more):
        if "CUDAExecutionProvider" in providers:
            raise RuntimeError("CUDA failure 35: the driver is too old")
        return self._real.InferenceSession(data, options, providers=providers, **more)


@pytest.mark.parametrize("kind", [NoCuda, BrokenCuda])
def test_a_gpu_that_is_dropped_is_told(tmp_path, monkeypatch, capfd, kind):
    fake = kind(importlib.import_module("onnxruntime"))
    monkeypatch.setattr(engines, "_onnxruntime", lambda required: fake)
    path = models.yolov8(tmp_path / "m.onnx")
    model = load(path)
    assert model.device == "cpu"
    assert model.warnings == ["onnxruntime offers CUDA but could not use it: detection runs on the CPU"]
    assert PeopleDetector(model).runs_on.warnings == tuple(model.warnings)
    with pytest.raises(InputError, match=r"say detector\.device=auto or cpu"):
        load(path, device="cuda")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gpu_that_is_not_there(tmp_path, backend):
    path = models.yolov8(tmp_path / "m.onnx")
    if load(path, backend=backend).device == "cuda":
        pytest.skip("there is a GPU")
    assert load(path, backend=backend).warnings == []
    with pytest.raises(InputError, match=r"device=cuda: .* say detector.device=auto or cpu"):
        load(path, backend=backend, device="cuda")


def test_without_onnxruntime_opencv_runs_the_model(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(engines.importlib, "import_module", missing)
    path = models.yolov8(tmp_path / "m.onnx")
    assert load(path).backend == "opencv"
    with pytest.raises(InputError, match=r"pip install 'sdist-ray\[onnx\]'"):
        load(path, backend="onnxruntime")


def with_external_weights(path, place):
    model = onnx.load(models.yolov8(path))
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "base0")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    path.write_bytes(model.SerializeToString())


def with_external_attribute(path, place):
    """In a constant within the branch of an If."""
    tensor = onnx.TensorProto(name="hidden", data_type=1, dims=[1], data_location=1)
    tensor.external_data.add(key="location", value=place)
    node = onnx.helper.make_node("Constant", [], ["hidden"], value=tensor)
    branch = onnx.helper.make_graph([node], "branch", [], [])
    model = onnx.load(models.yolov8(path))
    model.graph.node.append(onnx.helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch))
    path.write_bytes(model.SerializeToString())


BAD = {
    "text": (lambda path: path.write_text("a photograph of a model\n" * 20), "not an ONNX model"),
    "empty": (lambda path: path.write_bytes(b""), "not an ONNX model"),
    "pickle": (lambda path: path.write_bytes(b"\x80\x04\x95\x10\x00\x00\x00."), "not an ONNX model"),
    "cut off": (
        lambda path: path.write_bytes(models.yolov8(path).read_bytes()[:-100]),
        "not an ONNX model, or cut off",
    ),
    "external": (lambda path: with_external_weights(path, "../../etc/passwd"), "weights in another file"),
    "hidden": (lambda path: with_external_attribute(path, "/etc/passwd"), "weights in another file"),
    "no detector": (
        lambda path: models.save(path, *models.rows(10, 1000)),
        r"outputs of \(1, 10, 1000\) for an input of 64x64 is none of those known",
    ),
    "huge": (lambda path: models.yolov8(path, size=100_000), "100000x100000; 32 to 4096 pixels"),
    "batch of 8": (lambda path: models.yolov8(path, batch=8), "made for batches of 8"),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_model_is_one_line(tmp_path, kind, backend, capfd):
    path = tmp_path / "m.onnx"
    make, expected = BAD[kind]
    make(path)
    with pytest.raises(InputError, match=expected) as error:
        load(path, backend=backend)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_damaged_model_never_crashes(tmp_path, backend, capfd):
    """Bytes changed at will: loaded all the same, or one line."""
    path = tmp_path / "m.onnx"
    data = models.yolox(path).read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(60):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(InputError):
            load(path, backend=backend)
    capfd.readouterr()


def test_no_such_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(InputError, match=str(path)):
            load(path)


def test_an_operator_nobody_knows_is_one_line(tmp_path, capfd):
    path = models.yolov8(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.graph.node[0].op_type = "Conjure"
    onnx.save(model, path)
    for backend in BACKENDS:
        with pytest.raises(InputError, match=f"{path}: .* cannot r"):
            load(path, backend=backend)
    assert capfd.readouterr() == ("", "")


def test_what_a_file_says_of_itself(tmp_path):
    file = read_model(models.yolov8(tmp_path / "m.onnx", metadata={"a": "b"}))
    assert [(end.name, end.shape, end.is_float) for end in file.inputs] == [
        ("images", (None, 3, 64, 64), True)
    ]
    assert [(end.name, end.shape) for end in file.outputs] == [("output0", (None, 6, 84))]
    assert file.metadata == {"a": "b"}


def test_cameras_share_a_model_until_its_file_changes(tmp_path):
    settings = NeuralSettings(models.yolov8(tmp_path / "m.onnx"), classes=())
    first, second = (make_detector(settings, Mask(), threads=1) for _ in range(2))
    assert first.model is second.model
    models.end2end(tmp_path / "m.onnx", count=11)
    assert make_detector(settings).model.family == "end2end"
    assert isinstance(make_detector(ForegroundSettings()), ForegroundDetector)


@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_may_ask_one_model_at_once(tmp_path, backend):
    model = load(models.yolov8(tmp_path / "m.onnx"), backend=backend)
    level = cv2.utils.logging.getLogLevel()
    images = [picture("red"), picture("blue")] * 20
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda image: len(model.detect_many([image])[0].boxes), images))
    assert seen == [1, 0] * 20
    assert cv2.utils.logging.getLogLevel() == level


def test_settings_travel_between_processes(tmp_path):
    settings = NeuralSettings(tmp_path / "m.onnx", classes=(0, 2))
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301
    assert len({settings, NeuralSettings(tmp_path / "m.onnx", classes=(0, 2))}) == 1
