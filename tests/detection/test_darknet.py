"""Darknet models converted: equal to what OpenCV 4 makes of them; whatever is wrong is one line."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sdist_ray.detection.darknet import Weights, read_cfg
from sdist_ray.detection.darknet_convert import convert
from sdist_ray.detection.engines import open_engine
from sdist_ray.detection.neural import NeuralSettings, load_people_model
from sdist_ray.detection.onnx_file import read_model
from sdist_ray.errors import InputError
from tests.conftest import data_folder
from tests.reference import darknet_networks
from tests.reference.darknet_networks import CFGS, NET, conv, head, shortcut

BACKENDS = ["onnxruntime", "opencv"]


@pytest.fixture(scope="module")
def reference():
    with np.load(Path(__file__).parents[1] / "reference" / "darknet.npz", allow_pickle=False) as file:
        return dict(file)


def run(path, data, blob, backend):
    path.write_bytes(data)
    engine, _ = open_engine(read_model(path), backend, "cpu", 1)
    return engine.run(blob)[0]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CFGS)
def test_every_layer_equals_opencv_4(tmp_path, reference, name, backend):
    blob = darknet_networks.image()
    rows = run(tmp_path / "m.onnx", convert(*darknet_networks.write(tmp_path, name)), blob, backend)[0]
    expected = reference[name]
    assert len(expected) > 100
    np.testing.assert_allclose(rows[:, :5], expected[:, :5], atol=1e-3)
    np.testing.assert_allclose(rows[:, 5:] * rows[:, 4:5], expected[:, 5:], atol=1e-3)
    assert expected[:, 4:].std() > 0.03


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CFGS)
def test_images_of_a_batch_do_not_touch(tmp_path, name, backend):
    one = darknet_networks.image()
    other = np.ascontiguousarray(one[:, :, ::-1])
    data = convert(*darknet_networks.write(tmp_path, name))
    both = run(tmp_path / "m.onnx", data, np.concatenate([one, other]), backend)
    for image, rows in zip((one, other), both, strict=True):
        np.testing.assert_allclose(run(tmp_path / "m.onnx", data, image, backend)[0], rows, atol=1e-5)


@pytest.mark.data
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("photograph", ["dog", "person"])
@pytest.mark.parametrize("model", ["yolo-fastest-1.1-xl", "yolo-fastest-1.1_body"])
def test_yolo_fastest_equals_opencv_4(tmp_path, reference, model, photograph, backend):
    folder = data_folder("models")
    data = convert(*(folder / "yolo-fastest" / f"{model}.{suffix}" for suffix in ("cfg", "weights")))
    picture = cv2.imread(str(folder / f"{photograph}.jpg"))
    blob = cv2.dnn.blobFromImage(picture, 1 / 255, (320, 320), swapRB=True)
    rows = run(tmp_path / "m.onnx", data, blob, backend)[0]
    np.testing.assert_allclose(rows[:, :5], reference[f"{model} {photograph}"], atol=1e-3)
    expected = np.zeros((len(rows), rows.shape[1] - 5))
    for row, name, score in reference[f"{model} {photograph} classes"]:
        expected[int(row), int(name)] = score
    scores = rows[:, 5:] * rows[:, 4:5]
    np.testing.assert_allclose(np.where(expected > 0, scores, 0), expected, atol=1e-3)
    assert scores[expected == 0].max(initial=0) <= 0.201


@pytest.mark.parametrize("version", [(0, 1, 0), (0, 2, 0), (0, 2, 5), (1, 0, 0)])
def test_both_headers_are_read(tmp_path, version):
    """Images seen in training are 32 bits before version 0.2 and 64 from then on."""
    files = darknet_networks.write(tmp_path, "rest", version)
    assert convert(*files) == convert(*darknet_networks.write(tmp_path, "rest"))


def write(folder, cfg, weights=None):
    (folder / "m.cfg").write_text(cfg)
    body = darknet_networks.numbers(cfg) if weights is None else np.asarray(weights, "<f4")
    header = np.array([0, 2, 0, 0, 0], "<i4")
    (folder / "m.weights").write_bytes(header.tobytes() + body.tobytes())
    return folder / "m.cfg", folder / "m.weights"


def outcome(folder, layers, backend="onnxruntime"):
    """What comes before the head, for an image: the head's boxes with new_coords, undone."""
    cfg = f"{NET}{layers}{head('0', 'new_coords=1')}"
    image = darknet_networks.image()
    rows = run(folder / "m.onnx", convert(*write(folder, cfg)), image, backend)[0]
    return cfg, image[0], rows


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu6", lambda x: np.clip(x, 0, 6)),
        ("tanh", np.tanh),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(x))),
        ("logistic", lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_activations_and_sums_of_several_layers(tmp_path, name, function):
    """Against NumPy: two convolutions of one pixel each, then a sum of three layers, then the head."""
    layers = (
        conv(5, activation=name, normalise=0) + conv(4, activation="linear", normalise=0)
        + conv(4, activation="linear", normalise=0) + shortcut("-2,-3", "relu")
    )  # fmt: skip
    cfg, image, rows = outcome(tmp_path, layers)
    numbers, taken = darknet_networks.numbers(cfg).astype(np.float64), 0

    def convolve(x, filters):
        nonlocal taken
        bias = numbers[taken : taken + filters]
        kernel = numbers[taken + filters : taken + filters + filters * len(x)].reshape(filters, len(x))
        taken += filters + filters * len(x)
        return np.tensordot(kernel, x, axes=1) + bias[:, None, None]

    first = function(convolve(image.astype(np.float64), 5))
    second = convolve(first, 4)
    third = convolve(second, 4)
    total = np.maximum(third + second + first[:4], 0)
    expected = convolve(total, 8)[4].ravel()
    assert taken == len(numbers)
    np.testing.assert_allclose(rows[:, 4], expected, atol=1e-4)


def test_what_the_model_says_of_itself(tmp_path):
    (tmp_path / "m.onnx").write_bytes(convert(*darknet_networks.write(tmp_path, "tiny3")))
    file = read_model(tmp_path / "m.onnx")
    assert file.metadata == {
        "sdist_ray.head": "yolov3", "sdist_ray.boxes": "fractions", "sdist_ray.resize": "stretch",
        "sdist_ray.source": "tiny3.cfg",
    }  # fmt: skip
    assert file.inputs[0].shape == (None, 3, 64, 96)
    model = load_people_model(NeuralSettings(tmp_path / "m.onnx"), 1)
    assert (model.family, model.size, model.batched) == ("yolov3", (96, 64), True)
    cfg, weights = darknet_networks.write(tmp_path, "tiny3")
    cfg.write_text(cfg.read_text().replace("[net]", "[net]\nletter_box=1"))
    (tmp_path / "m.onnx").write_bytes(convert(cfg, weights))
    assert read_model(tmp_path / "m.onnx").metadata["sdist_ray.resize"] == "letterbox"


GOOD = NET + conv(8, 3) + conv(4) + head("0,1")
BAD_CFGS = {
    "not a cfg": ("a,b,c\n1,2,3\n", "not a Darknet cfg"),
    "nothing": ("", r"does not begin with \[net\]"),
    "no net": (GOOD.replace("[net]", "[convolutional]"), r"does not begin with \[net\]"),
    "no layers": (NET, "0 layers"),
    "no head": (NET + conv(8, 3), r"has no \[yolo\] layer"),
    "unknown layer": (
        NET + "[reorg]\nstride=2\n" + head("0"),
        r"m.cfg:6 \[reorg\]: a layer that is not supp",
    ),
    "region": (NET + conv(8) + "[region]\nclasses=3\n", r"\[region\]: a layer that is not supported"),
    "activation": (
        GOOD.replace("=leaky", "=hard_mish"),
        "activation=hard_mish is not supported; linear, leaky",
    ),
    "option": (GOOD.replace("groups=1", "groups=1\nantialiasing=1"), "antialiasing=1 is not supported"),
    "dilation": (GOOD.replace("groups=1", "groups=1\ndilation=2"), "dilation=2 is not supported"),
    "number": (GOOD.replace("filters=8", "filters=eight"), "filters=eight is not a number"),
    "fraction": (GOOD.replace("filters=8", "filters=8.5"), "filters=8.5 must be a whole number"),
    "nan": (GOOD.replace("size=3", "size=nan"), "size=nan is not a number"),
    "no filters": (GOOD.replace("filters=8", "filters=0"), "filters=0 must be"),
    "groups": (
        GOOD.replace("groups=1", "groups=3", 1).replace("filters=8", "filters=7"),
        "groups=3 does not",
    ),
    "grey": (GOOD.replace("channels=3", "channels=1"), "takes colour images"),
    "wide": (GOOD.replace("width=96", "width=1000000"), "width=1000000 must be"),
    "hostile": (GOOD.replace("filters=8", "filters=65536"), "ends within"),
    "ahead": (GOOD.replace("[yolo]", "[route]\nlayers=9\n[yolo]"), "layer 9 is none of the 3 before it"),
    "behind": (GOOD.replace("[yolo]", "[shortcut]\nfrom=-9\n[yolo]"), "layer -9 is none of the 3 before it"),
    "sizes": (
        NET + conv(8, 3) + conv(8, 3, 2) + "[shortcut]\nfrom=-2\nactivation=linear\n" + head("0"),
        "adds layers of different sizes",
    ),
    "joined": (
        NET + conv(8, 3) + conv(8, 3, 2) + "[route]\nlayers=-1,-2\n" + head("0"),
        "joins layers of different sizes",
    ),
    "weighted": (
        NET + conv(8) + conv(8) + "[shortcut]\nfrom=-2\nweights_type=per_feature\n" + head("0"),
        "weights_type=per_feature is not supported",
    ),
    "scaled": (
        NET + conv(8) + conv(8) + shortcut("-2") + "alpha=2\n" + head("0"),
        "alpha=2 is not supported",
    ),
    "anchors": (GOOD.replace("num=4", "num=5"), "anchors= has 8 numbers; num=5 takes 10"),
    "mask": (GOOD.replace("mask=0,1", "mask=0,7"), "mask=0,7 names anchors"),
    "channels": (GOOD.replace("classes=3", "classes=4"), "16 channels; 2 anchors of 5 . 4 numbers take 18"),
    "after a head": (GOOD + conv(8), r"comes after a \[yolo\] layer"),
    "of a head": (GOOD + "[route]\nlayers=-1\n", r"layer -1 is a \[yolo\] layer"),
    "shrunk away": (
        NET + conv(8, 3, 64) + "[maxpool]\nsize=8\nstride=8\npadding=0\n" + head("0"),
        "its output",
    ),
    "pooled with more than it is": (NET + "[maxpool]\nsize=2\npadding=9\n" + head("0"), "padding=9 must be"),
    "everywhere": (
        GOOD.replace("width=96", "width=4096").replace("height=64", "height=4096"),
        "33554432 boxes in an image",
    ),
    "blown up": (NET + "[upsample]\nstride=64\n" * 3 + head("0"), "numbers are possible"),
    "doubled": (NET + "[route]\nlayers=-1,-1,-1,-1,-1\n" * 20 + head("0"), "is none of the 0 before it"),
    "multiplied": (NET + conv(8) + "[route]\nlayers=-1,-1,-1,-1,-1,-1,-1\n" * 20 + head("0"), "are possible"),
}


@pytest.mark.parametrize("kind", BAD_CFGS)
def test_a_bad_cfg_is_one_line(tmp_path, kind):
    cfg, expected = BAD_CFGS[kind]
    files = write(tmp_path, cfg, np.full(200_000, 0.5))
    with pytest.raises(InputError, match=expected) as error:
        convert(*files)
    assert str(tmp_path) in str(error.value)
    assert len(str(error.value)) < 300 + len(str(tmp_path))


def test_weights_that_do_not_belong_are_refused(tmp_path):
    body = darknet_networks.numbers(GOOD)
    convert(*write(tmp_path, GOOD))
    cases = [
        (
            body[:-1],
            r"ends within .*m.cfg:\d+ \[convolutional\], 1 numbers short: cut off, or of another cfg",
        ),
        (body[:3], "ends within"),
        (np.append(body, [0, 0]), f"2 of {len(body) + 2} numbers are left over after the last layer"),
        (np.append(body[:-1], np.nan), "not finite"),
        (np.full(len(body), -1.0), "a variance of .* is negative"),
    ]
    for numbers, expected in cases:
        with pytest.raises(InputError, match=expected):
            convert(*write(tmp_path, GOOD, numbers))


def test_files_that_are_no_weights_are_refused(tmp_path):
    cfg, weights = write(tmp_path, GOOD)
    data = weights.read_bytes()
    cases = {
        b"": "no version",
        data[:-1]: "cut off",
        data[:14]: "cut off",
        b"\x80\x04pickle!" * 9: "no version",
    }
    for content, expected in cases.items():
        weights.write_bytes(content)
        with pytest.raises(InputError, match=expected):
            convert(cfg, weights)
    for files in (
        (cfg, tmp_path / "none"),
        (tmp_path / "none", weights),
        (cfg, tmp_path),
        (tmp_path, weights),
    ):
        with pytest.raises(InputError, match=str(tmp_path)):
            convert(*files)
    cfg.write_bytes(data)
    with pytest.raises(InputError, match="not a Darknet cfg"):
        convert(cfg, weights)


def test_numbers_are_taken_before_anything_is_made_of_them(tmp_path):
    """A layer of 4 billion weights is refused without room for them."""
    cfg, weights = write(tmp_path, GOOD)
    _, layers = read_cfg(cfg)
    with pytest.raises(InputError, match="numbers short"):
        Weights(weights).take((65_536, 65_536, 64, 64), layers[0])
