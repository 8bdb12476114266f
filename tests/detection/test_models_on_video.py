"""Real models on a real video, and the commands that use them."""

import json

import cv2
import numpy as np
import pytest

from sdist_ray.cli import main
from sdist_ray.detection.darknet_convert import convert
from sdist_ray.detection.neural import NeuralSettings, load_people_model
from tests.conftest import data_folder
from tests.detection import models
from tests.detection.people_quality import quality
from tests.reference import darknet_networks


@pytest.mark.data
def test_yolox_nano_finds_people_in_pets():
    """Every fifth frame; all 795 give precision 0.781 and recall 0.909."""
    model = load_people_model(
        NeuralSettings(data_folder("models") / "yolox-nano" / "yolox_nano.onnx", score=0.3), 2
    )
    assert (model.family, model.size, model.batched) == ("yolox", (416, 416), False)
    precision, recall, frames = quality(model, data_folder("pets2009"), 5)
    assert frames == 159
    assert precision >= 0.77
    assert recall >= 0.90


@pytest.mark.data
def test_converted_yolo_fastest_finds_people_in_pets(tmp_path):
    """Every tenth frame, at score 0.3; recall stays at 0.79 or more up to score 0.4."""
    folder = data_folder("models") / "yolo-fastest"
    (tmp_path / "m.onnx").write_bytes(
        convert(*(folder / f"yolo-fastest-1.1-xl.{suffix}" for suffix in ("cfg", "weights")))
    )
    model = load_people_model(NeuralSettings(tmp_path / "m.onnx", score=0.3), 2)
    assert (model.family, model.size, model.batched) == ("yolov3", (320, 320), True)
    precision, recall, frames = quality(model, data_folder("pets2009"), 10)
    assert frames == 80
    assert precision >= 0.75
    assert recall >= 0.79


def test_convert_and_check(tmp_path, capsys):
    cfg, weights = darknet_networks.write(tmp_path, "tiny3")
    output = tmp_path / "a b.onnx"
    assert main(["models", "convert", str(cfg), str(weights), f"output='{output}'"]) == 0
    assert main(["models", "convert", str(cfg), str(weights)]) == 0
    assert output.read_bytes() == weights.with_suffix(".onnx").read_bytes()
    image = tmp_path / "it's.png"
    cv2.imwrite(str(image), np.full((50, 70, 3), 90, np.uint8))
    picture = tmp_path / "found.png"
    arguments = [
        str(output),
        str(image),
        "detector.score=0.01",
        f"output={picture}",
        "detector.backend=opencv",
    ]
    assert main(["models", "check", *arguments]) == 0
    said = capsys.readouterr().out
    assert "yolov3 head, input 96x64, batches" in said
    assert "runs on cpu by opencv" in said
    assert "ms an image" in said
    assert cv2.imread(str(picture)).shape == (50, 70, 3)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_check_shows_what_is_found(tmp_path, capsys):
    model = models.yolov8(tmp_path / "m.onnx")
    image = np.zeros((128, 128, 3), np.uint8)
    image[..., 2] = 200
    cv2.imwrite(str(tmp_path / "i.png"), image)
    assert main(["models", "check", str(model), str(tmp_path / "i.png")]) == 0
    assert "1    0.78     48    24      32       16" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["check"], "sdist-ray models check MODEL IMAGE"),
        (["check", "m.onnx"], "sdist-ray models check MODEL IMAGE"),
        (["check", "m.onnx", "i.png", "more"], "'more' is one word too many"),
        (["check", "none.onnx", "i.png"], "none.onnx: No such file"),
        (["check", "m.onnx", "none.png"], "none.png: No such file"),
        (["check", "m.onnx", "m.onnx"], "m.onnx: not a readable image"),
        (["check", "m.onnx", "i.png", "output=x.jpg"], "ends in .png"),
        (["check", "m.onnx", "i.png", "detector.score=2"], "detector.score is 2.0, but must be"),
        (["check", "m.onnx", "i.png", "detector.backend=torch"], "auto or onnxruntime or opencv"),
        (["check", "m.onnx", "i.png", "detector.head=ssd"], "detector.head is 'ssd', but must be"),
        (["check", "m.onnx", "i.png", "detector.size=33"], "a multiple of 32"),
        (["check", "m.onnx", "i.png", "detector.scor=0.2"], "detector.scor"),
        (["convert", "a.cfg"], "sdist-ray models convert CFG WEIGHTS"),
        (["convert", "a.cfg", "a.weights"], "a.weights: No such file"),
        (["convert", "i.png", "m.onnx"], "i.png: not a Darknet cfg"),
        (["convert", "a.cfg", "a.weights", "output=a.txt"], "ends in .onnx"),
        (["conjure"], "models convert, models check"),
    ],
)
def test_bad_words_are_one_line(tmp_path, monkeypatch, capsys, words, expected):
    monkeypatch.chdir(tmp_path)
    models.yolov8(tmp_path / "m.onnx")
    cv2.imwrite("i.png", np.zeros((20, 20, 3), np.uint8))
    (tmp_path / "a.cfg").write_text(darknet_networks.CFGS["tiny3"])
    assert main(["models", *words]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert expected in captured.err
    assert captured.out == ""


def test_hydras_flags_go_with_plain_words(tmp_path, capsys):
    assert main(["models", "check", "m.onnx", "--cfg", "job", "i.png", "detector.score=0.7"]) == 0
    said = capsys.readouterr().out
    assert all(line in said for line in ("model: m.onnx", "image: i.png", "score: 0.7"))
    model = models.yolov8(tmp_path / "m.onnx")
    cv2.imwrite(str(tmp_path / "i.png"), np.full((64, 64, 3), 180, np.uint8))
    arguments = [
        str(model),
        str(tmp_path / "i.png"),
        "-m",
        "detector.score=0.1,0.9",
        f"hydra.sweep.dir={tmp_path}",
    ]
    assert main(["models", "check", *arguments]) == 0
    assert capsys.readouterr().out.count("yolov8 head") == 2


@pytest.mark.parametrize("words", [["models"], ["models", "--help"]])
def test_models_alone_tells_its_two_commands(words, capsys):
    assert main(words) == 0
    assert "models convert CFG WEIGHTS, models check MODEL IMAGE" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["convert", "check"])
def test_help_shows_the_settings(command, capsys):
    with pytest.raises(SystemExit):
        main(["models", command, "--help"])
    assert "output" in capsys.readouterr().out


def detections(folder):
    summary = json.loads((folder / "summary.json").read_text())
    return summary["detector"], [camera["detections"] for camera in summary["cameras"]]


@pytest.mark.parametrize("command", ["record", "topology"])
def test_a_network_is_watched_with_one_model(site, tmp_path, command):
    """The model sees one box in every frame, for simulated ground is never without red."""
    model = models.yolov8(tmp_path / "m.onnx")
    arguments = [
        "source=files", f"source.paths=[{site}/videos/*.mp4]", "runtime=local", "detector=yolo",
        f"detector.model={model}", "detector.classes=[1]", "detector.score=0.05", "detector.backend=opencv",
    ]  # fmt: skip
    assert main([command, *arguments, f"output={tmp_path}/run"]) == 0
    entry, seen = detections(tmp_path / "run")
    assert entry == {
        "kind": "yolo", "device": "cpu", "backend": "opencv", "model": "m.onnx", "warnings": [],
    }  # fmt: skip
    frames = [
        camera["frames"] for camera in json.loads((tmp_path / "run/summary.json").read_text())["cameras"]
    ]
    assert seen == frames


@pytest.mark.ray
def test_ray_workers_see_the_same(site, tmp_path):
    model = models.yolov8(tmp_path / "m.onnx")
    for runtime in ("local", "ray"):
        arguments = [
            f"source.paths=[{site}/videos/*.mp4]", f"runtime={runtime}", "detector=yolo",
            f"detector.model={model}", "detector.classes=[1]", "detector.score=0.05", "runtime.workers=2",
        ]  # fmt: skip
        assert main(["record", *arguments, f"output={tmp_path}/{runtime}"]) == 0
    local, ray = (tmp_path / name / "occupancy.parquet" for name in ("local", "ray"))
    assert ray.read_bytes() == local.read_bytes()
    assert detections(tmp_path / "ray") == detections(tmp_path / "local")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "detector=yolo needs detector.model=FILE"),
        (["detector.model=none.onnx"], "none.onnx: No such file"),
        (["detector.model=bad.onnx"], "bad.onnx: not an ONNX model"),
        (["detector.model=m.onnx", "detector.device=cuda"], "say detector.device=auto or cpu"),
        (["detector.model=m.onnx", "detector.background=mog2"], "detector.background"),
    ],
)
def test_a_detector_that_cannot_be_is_one_line(site, tmp_path, monkeypatch, capsys, words, expected):
    monkeypatch.chdir(tmp_path)
    models.yolov8(tmp_path / "m.onnx")
    (tmp_path / "bad.onnx").write_text("bad")
    files = f"source.paths=[{site}/videos/*.mp4]"
    assert main(["record", files, "runtime=local", "detector=yolo", *words, "output=run"]) == 2
    assert [expected in line for line in capsys.readouterr().err.splitlines() if "error:" in line] == [True]
