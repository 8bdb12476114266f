"""sdist-ray track and follow: from a distancing run's tables to everybody's way, and one person's video."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.cli import main
from sdist_ray.detection import embedding
from sdist_ray.detection.embedding import clothes, load_embedding
from sdist_ray.errors import InputError
from sdist_ray.jobs.follow import Expected
from sdist_ray.jobs.follow_target import Target
from sdist_ray.jobs.track_tables import STAYS_SCHEMA, TRACKS_SCHEMA
from sdist_ray.occupancy.grid import Grid
from sdist_ray.runtime.watched import PEOPLE_SCHEMA
from sdist_ray.topology.handover.ahead import ground_of
from sdist_ray.topology.handover.build import Linked, build_handover, no_walks
from tests.distancing_runs import frames_of, write_clip

SIZE, FPS, FRAMES = (320, 240), 10.0, 260
COLOURS = {1: (40, 40, 220), 2: (220, 120, 30)}
LOOKS = {
    # Two that see one place from two sides, and one far away; seconds of x of whoever walks along y = 8.
    "east": ((9.0, 0.0, 4.0), (5.0, 8.0, 0.0)),
    "west": ((1.0, 0.0, 4.0), (5.0, 8.0, 0.0)),
    "yard": ((45.0, 0.0, 4.0), (45.0, 8.0, 0.0)),
}
CAMERAS = {name: Pinhole.looking_at(*look, SIZE, 70.0) for name, look in LOOKS.items()}


def place(person, tick):
    """Person 1 walks through the hall, is out of sight for 6 s, and comes to the yard; person 2 stays."""
    time_s = tick / FPS
    if person == 2:
        return np.array([4.0 + 0.3 * np.sin(time_s), 10.0])
    if time_s < 8:
        return np.array([2.0 + 0.7 * time_s, 7.0])
    return np.array([42.5 + 0.5 * (time_s - 14), 8.0]) if time_s >= 14 else None


def box_of(camera, at):
    """left, top, width, height of somebody; None where the foot is out of view."""
    foot, head = (f(at[None])[0] for f in (camera.to_image, lambda p: camera.to_image_above(p, 1.7)))
    tall = foot[1] - head[1]
    inside = 4 < foot[0] < SIZE[0] - 4 and 4 < foot[1] < SIZE[1] - 2
    return np.array([foot[0] - 0.17 * tall, head[1], 0.34 * tall, tall]) if inside else None


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """What a distancing run of three cameras leaves, with a topology that knows the way to the yard."""
    folder = tmp_path_factory.mktemp("watched")
    rows, entries, cameras = [], [], []
    for name in sorted(CAMERAS):
        camera, images = CAMERAS[name], []
        for tick in range(FRAMES):
            image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
            for person in (1, 2):
                at = place(person, tick)
                box = None if at is None else box_of(camera, at)
                if box is None:
                    continue
                left, top, wide, tall = box.round().astype(int).tolist()
                cv2.rectangle(image, (left, top), (left + wide, top + tall), COLOURS[person], -1)
                missed = (tick + person) % 9 == 0
                rows.append(
                    (name, tick, tick / FPS, 2 * person + (name == "west"), *box.tolist(),
                     None if missed else 0.9, None, None, None, None, None)
                )  # fmt: skip
            images.append(image)
        clip = write_clip(folder / f"{name}.mp4", images, FPS)
        entries.append({"camera": name, "fps": FPS, "frames": FRAMES})
        matrix = {"kind": "pinhole", "image_size": list(SIZE), "camera_matrix": camera.matrix.tolist(),
                  "rvec": cv2.Rodrigues(camera.rotation)[0].ravel().tolist(),
                  "tvec": camera.translation.tolist()}  # fmt: skip
        cameras.append({"id": name, "url": str(clip), "calibration": matrix})
    columns = list(zip(*rows, strict=True))
    table = {name: list(column) for name, column in zip(PEOPLE_SCHEMA.names, columns, strict=True)}
    pq.write_table(pa.table(table, schema=PEOPLE_SCHEMA), folder / "people.parquet")
    (folder / "cameras.yaml").write_text(yaml.safe_dump(cameras))
    bare = [{"id": entry["id"], "url": entry["url"]} for entry in cameras]
    (folder / "bare.yaml").write_text(yaml.safe_dump(bare))
    (folder / "summary.json").write_text(json.dumps({"command": "distancing", "cameras": entries}))
    config = {"source": {"kind": "files", "paths": []}, "cameras": str(folder / "cameras.yaml")}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    topology = folder / "topology"
    topology.mkdir()
    edges = {"camera_a": ["east"], "camera_b": ["west"], "kind": ["overlap"]}
    pq.write_table(pa.table(edges), topology / "edges.parquet")
    bins = np.exp(-0.5 * ((np.arange(120) * 0.5 - 6.5) / 1.5) ** 2)
    ways = {"camera_from": ["east", "west"], "camera_to": ["yard", "yard"], "probability": [0.9, 0.8],
            "histogram": [bins.tolist()] * 2, "bin_s": [0.5, 0.5]}  # fmt: skip
    pq.write_table(pa.table(ways), topology / "transits.parquet")
    return folder


@pytest.fixture(scope="module")
def tracked(watched):
    out = watched / "tracked"
    assert main(["track", str(watched), f"topology={watched / 'topology'}", f"output={out}"]) == 0
    return out


def test_everybody_has_one_number_in_all_cameras(tracked):
    table = pq.read_table(tracked / "tracks.parquet")
    assert table.schema.equals(TRACKS_SCHEMA)
    rows = table.to_pylist()
    assert {row["person"] for row in rows} == {1, 2}
    # The cameras' own tracks are 2 and 3 of the first person, 4 and 5 of the second.
    assert len({(row["track"] // 2, row["person"]) for row in rows}) == 2
    assert {row["camera"] for row in rows if row["track"] // 2 == 1} == {"east", "west", "yard"}
    for row in rows[::7]:
        at = place(row["track"] // 2, row["tick"])
        if row["score"] is not None:
            assert np.hypot(row["ground_x_m"] - at[0], row["ground_y_m"] - at[1]) < 0.6
        assert 0 <= row["foot_x"] <= 1
        assert 0 <= row["foot_y"] <= 1
    times = table["time_s"].to_numpy()
    assert (np.diff(times) >= 0).all()


def test_a_run_that_did_not_look_at_every_frame_is_tracked_by_its_own_ticks(watched, tmp_path):
    shutil.copytree(watched, tmp_path / "run", ignore=shutil.ignore_patterns("tracked*"))
    table = pq.read_table(watched / "people.parquet")
    table = table.filter(pc.equal(pc.bit_wise_and(table["tick"], 1), 0))
    half = table.set_column(1, "tick", pc.divide(table["tick"], 2))
    pq.write_table(half.cast(PEOPLE_SCHEMA), tmp_path / "run" / "people.parquet")
    summary = json.loads((watched / "summary.json").read_text())
    summary["cameras"] = [{**entry, "ticks_per_s": FPS / 2} for entry in summary["cameras"]]
    (tmp_path / "run" / "summary.json").write_text(json.dumps(summary))
    out = tmp_path / "out"
    assert main(["track", f"{tmp_path}/run", f"topology={watched / 'topology'}", f"output={out}"]) == 0
    rows = pq.read_table(out / "tracks.parquet").to_pylist()
    assert {(row["track"] // 2, row["person"]) for row in rows} == {(1, 1), (2, 2)}
    lines = (out / "mot" / "yard.txt").read_text().splitlines()
    assert min(int(line.split(",")[0]) for line in lines) == pytest.approx(71, abs=2)
    assert json.loads((out / "summary.json").read_text())["fps"] == FPS / 2


def test_stays_and_tracks_for_other_programs(tracked):
    stays = pq.read_table(tracked / "stays.parquet")
    assert stays.schema.equals(STAYS_SCHEMA)
    yard = [row for row in stays.to_pylist() if row["camera"] == "yard"]
    assert len(yard) == 1
    assert yard[0]["from_s"] == pytest.approx(14.0, abs=1.0)
    lines = (tracked / "mot" / "yard.txt").read_text().splitlines()
    assert {len(line.split(",")) for line in lines} == {10}
    assert {line.split(",")[1] for line in lines} == {str(yard[0]["person"])}
    assert min(int(line.split(",")[0]) for line in lines) == pytest.approx(141, abs=4)
    summary = json.loads((tracked / "summary.json").read_text())
    assert summary["people"] == 2
    assert summary["passages"] == 2
    assert all(camera["in_metres"] for camera in summary["cameras"])


def test_without_calibrations_grounds_are_guessed_and_gaps_are_joined(watched):
    out = watched / "guessed"
    arguments = [f"topology={watched / 'topology'}", f"cameras={watched / 'bare.yaml'}", "mot=false"]
    config = yaml.safe_load((watched / "config.yaml").read_text())
    bare = watched / "bare"
    bare.mkdir()
    for name in ("people.parquet", "summary.json"):
        (bare / name).write_bytes((watched / name).read_bytes())
    (bare / "config.yaml").write_text(yaml.safe_dump(config | {"cameras": str(watched / "bare.yaml")}))
    assert main(["track", str(bare), f"output={out}", *arguments[:1], *arguments[2:]]) == 0
    rows = pq.read_table(out / "tracks.parquet").to_pylist()
    assert rows[0]["ground_x_m"] is None
    assert not (out / "mot").exists()
    # Nothing says that east and west see the same, but the way to the yard is known.
    yard = {row["person"] for row in rows if row["camera"] == "yard"}
    hall = {row["person"] for row in rows if row["camera"] != "yard" and row["track"] // 2 == 1}
    assert len(yard) == 1
    assert yard <= hall
    assert main(["follow", str(out), "height=240", "until_s=3"]) == 0


def test_a_person_is_followed_from_camera_to_camera(tracked, capsys):
    left, top, wide, tall = box_of(CAMERAS["yard"], place(1, 180))
    at = f"at=[{left + wide / 2:.0f},{top + tall / 2:.0f}]"
    assert main(["follow", str(tracked), "camera=yard", "time_s=18", at, "height=360"]) == 0
    person = next(
        row["person"]
        for row in pq.read_table(tracked / "stays.parquet").to_pylist()
        if row["camera"] == "yard"
    )
    assert f"person {person}:" in capsys.readouterr().out
    folder = tracked / "follow" / str(person)
    rows = pq.read_table(folder / "follow.parquet").to_pylist()
    summary = json.loads((folder / "summary.json").read_text())
    frames = frames_of(folder / "follow.mp4")
    assert len(frames) == len(rows) == summary["frames"]
    assert summary["in_view"] >= 0.95
    assert summary["pictures"][-1]["camera"] == "yard"
    assert rows[-1]["camera"] == "yard"
    for row in rows[:: len(rows) // 20]:
        at = place(1, row["tick"])
        assert row["in_view"] == (at is not None) or abs(row["time_s"] % 14) < 2 or 8 <= row["time_s"] < 9.5
    # While nobody sees them the picture says so, and it is darker.
    lost = next(k for k, row in enumerate(rows) if not row["seen_by"] and row["time_s"] > 11)
    assert frames[lost][100:200, 100:200].mean() < 0.8 * frames[20][100:200, 100:200].mean()


def test_while_they_are_out_of_sight_it_says_where_they_may_come_next():
    grid, bins = Grid(), np.exp(-0.5 * ((np.arange(120) * 0.5 - 6.5) / 1.5) ** 2)
    none, nothing = np.zeros(0, np.int64), np.zeros(0)
    known = no_walks(3, grid)
    walked = replace(
        known, source=np.array([0]), target=np.array([2]), probability=np.array([0.9]),
        histogram=bins[None], zone_histogram=np.zeros((0, 120)), zone_exits=known.zone_exits + 50,
    )  # fmt: skip
    linked = Linked(none, none, none, none, nothing, nothing)
    handover = build_handover(("east", "west", "yard"), grid, linked, walked)
    worth, box = np.zeros((50, 3)), np.full((50, 3, 4), np.nan)
    worth[:10, 0], box[:10, 0] = 0.8, (150, 100, 20, 60)
    target = Target(1, np.arange(50), worth, box, worth > 0, np.full((50, 2), np.nan))
    expected = Expected(handover, ("east", "west", "yard"), dict.fromkeys(CAMERAS, SIZE), 10.0)
    assert expected.notes(target, 5, 0.0) == ()
    first, *lines = expected.notes(target, 40, 3.0)
    assert first == "may come next:"
    assert lines[0].startswith("yard: ")
    assert Expected(None, ("east",), {}, 10.0).notes(target, 40, 3.0) == ()
    # Where the ground is known it is by the way they went: to the west, which nobody has been seen to take.
    square = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])
    views = {"east": square + np.array([10, 0]), "west": square, "yard": square + np.array([10, 20])}
    ground = np.full((50, 2), np.nan)
    ground[:10] = np.column_stack([10.9 - 0.1 * np.arange(10), np.full(10, 2.0)])
    going = replace(handover, ground=ground_of(list(views.values())))
    expected = Expected(going, ("east", "west", "yard"), dict.fromkeys(CAMERAS, SIZE), 10.0)
    assert expected.notes(replace(target, ground=ground), 40, 3.0)[1].startswith("west: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["track", "{folder}/nowhere"], "not a distancing run's folder"),
        (["track", "{folder}", "topology={folder}"], "not a topology run's folder"),
        (["track", "{folder}", "tracking.appearance=nothing"], "neither an .onnx file nor module:function"),
        (["track", "{folder}", "tracking.appearance=sdist_ray.nothing:here"], "ModuleNotFoundError"),
        (["track", "{folder}", "tracking.decide_s=0"], "tracking.decide_s"),
        (["follow", "{folder}"], "not a tracking run's folder"),
        (["follow"], "needs a tracking run's folder"),
        (["follow", "{tracked}", "person=99"], "nobody of that number"),
        (["follow", "{tracked}", "camera=yard"], "needs all of camera"),
        (["follow", "{tracked}", "camera=roof", "time_s=1", "at=[1,2]"], "has cameras east"),
        (["follow", "{tracked}", "camera=yard", "time_s=1", "at=[1,2]"], "nobody is tracked"),
        (["follow", "{tracked}", "from_s=900"], "not seen between"),
    ],
)
def test_bad_input_ends_in_one_line(watched, tracked, capsys, words, said):
    words = [word.format(folder=watched, tracked=tracked) for word in words]
    if words[0] == "track":
        words.append(f"output={watched / 'bad'}")
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_damaged_tables_are_said_to_be(watched, tmp_path, capsys):
    for name in ("summary.json", "config.yaml"):
        (tmp_path / name).write_bytes((watched / name).read_bytes())
    (tmp_path / "people.parquet").write_bytes(b"PAR1 no")
    assert main(["track", str(tmp_path), f"output={tmp_path / 'out'}"]) == 2
    assert "not a readable Parquet file" in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*.parquet"))


def test_looks_are_read_from_the_videos(watched):
    out = watched / "looked"
    name = "tracking.appearance=sdist_ray.detection.embedding:clothes"
    assert main(["track", str(watched), f"output={out}", name, "tracking.look_s=0.5"]) == 0
    # No topology: the looks alone speak for one person in the hall and the yard, or at least not against it.
    rows = pq.read_table(out / "tracks.parquet").to_pylist()
    assert len({(row["track"] // 2, row["person"]) for row in rows}) <= 3


def test_clothes_tell_colours_apart():
    rng = np.random.default_rng(0)
    red, blue = (
        [np.clip(rng.normal(colour, 12, (80, 30, 3)), 0, 255).astype(np.uint8) for _ in range(3)]
        for colour in ((30, 30, 200), (200, 60, 30))
    )
    found = load_embedding("sdist_ray.detection.embedding:clothes")([*red, *blue])
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    alike = found @ found.T
    assert alike[:3, :3].min() > 0.8
    assert alike[:3, 3:].max() < 0.3
    assert clothes([]).shape[0] == 0


def test_embeddings_of_another_length_are_refused(monkeypatch):
    monkeypatch.setattr(embedding, "clothes", lambda pictures: np.ones((len(pictures), 3 + len(pictures))))
    embed = load_embedding("sdist_ray.detection.embedding:clothes")
    picture = np.zeros((8, 4, 3), np.uint8)
    assert embed([picture]).shape == (1, 4)
    with pytest.raises(InputError, match="returned embeddings of 4 numbers, and now of 5"):
        embed([picture, picture])


def test_an_embedding_that_is_none_is_refused():
    with pytest.raises(InputError, match="is not a function"):
        load_embedding("sdist_ray.detection.embedding:SIZE")
    with pytest.raises(InputError, match="must return an array"):
        load_embedding("builtins:len")([np.zeros((9, 9, 3), np.uint8)])
