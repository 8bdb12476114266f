from __future__ import annotations

import cv2
import numpy as np
import pytest

from sdist_ray.report import topology_picture
from sdist_ray.report.colours import heat, pair_colours, palette_colour
from sdist_ray.report.graph_picture import _fit, draw_graph
from sdist_ray.report.link_picture import LEAST_PER_EDGE, MOST_CURVES, links_to_draw
from sdist_ray.report.network import components, most_linked, shorten
from sdist_ray.report.run_folder import read_run
from sdist_ray.report.snapshots import read_snapshot, snapshot_path, write_snapshot
from sdist_ray.report.topology_picture import draw_topology
from tests.report.made_run import make_run, picture


def saturation(path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2HSV)[..., 1]


def test_the_picture_shows_links_in_colour(tmp_path):
    grey = np.full((240, 320, 3), 128, np.uint8)
    linked = make_run(tmp_path / "linked", snapshot=lambda n: grey)
    unlinked = make_run(tmp_path / "unlinked", snapshot=lambda n: grey, pairs=(), transit=None)
    drawn = draw_topology(read_run(linked), tmp_path / "linked.png")
    nothing = draw_topology(read_run(unlinked), tmp_path / "unlinked.png")
    assert drawn.cameras == drawn.all_cameras == 12
    assert 0 < drawn.links < drawn.all_links
    assert nothing.links == nothing.all_links == 0
    coloured = (saturation(tmp_path / "linked.png") > 60).mean()
    assert coloured > 0.05
    # What is left is the occupancy of the camera that failed and has no picture, made pale.
    assert (saturation(tmp_path / "unlinked.png") > 60).mean() < coloured / 20


@pytest.mark.parametrize("pairs", [(), ((0, 1),)])
@pytest.mark.parametrize("ids", [["a", "b"], ["$x_1$", "相机\n\t2"]])
def test_names_in_any_script_and_few_cameras_are_drawn(tmp_path, ids, pairs):
    folder = make_run(tmp_path / "run", ids=ids, pairs=pairs, transit=None, snapshot=lambda n: None)
    drawn = draw_topology(read_run(folder), tmp_path / "x.png")
    assert drawn.cameras == 2
    assert cv2.imread(str(tmp_path / "x.png")) is not None


def test_links_drawn_are_the_edge_own_and_spread_over_windows(tmp_path):
    run = read_run(make_run(tmp_path, links_per_pair=300))
    boxes = dict.fromkeys(range(12), (0.0, 0.0, 4.0, 3.0))
    rows = links_to_draw(run, boxes)
    most = max(LEAST_PER_EDGE, MOST_CURVES // len(run.edges.links))
    for edge, which in rows.items():
        assert len(which) <= most
        assert len(set(which.tolist())) == len(which)
        assert set(run.links.camera_a[which]) == {run.edges.camera_a[edge]}
        assert set(run.links.camera_b[which]) == {run.edges.camera_b[edge]}
        windows_served = len(set(run.links.window_a[which].tolist()))
        of_edge = (run.links.camera_a == run.edges.camera_a[edge]) & (
            run.links.camera_b == run.edges.camera_b[edge]
        )
        strongest = np.argsort(-np.where(of_edge, run.links.score, -1), kind="stable")[: len(which)]
        assert windows_served > len(set(run.links.window_a[strongest].tolist()))


def test_more_cameras_than_fit_leaves_out_the_least_linked(tmp_path, monkeypatch):
    monkeypatch.setattr(topology_picture, "MOST_PANELS", 8)
    run = read_run(make_run(tmp_path))
    drawn = draw_topology(run, tmp_path / "topology.png")
    assert (drawn.cameras, drawn.all_cameras) == (8, 12)
    assert not {10, 11} & set(most_linked(run, 8).tolist())


def test_components_follow_edges_and_leave_loners_out(tmp_path):
    component = components(read_run(make_run(tmp_path)))
    assert component.tolist() == [0] * 8 + [1, 1] + [-1, -1]


def test_edges_that_meet_differ_in_colour():
    a, b = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 2, 3, 2, 3, 3])
    colours = pair_colours(a, b)
    for camera in range(4):
        of_camera = [c for c, x, y in zip(colours, a, b, strict=True) if camera in (x, y)]
        assert len(set(of_camera)) == 3


def test_colours_do_not_run_out():
    assert len({palette_colour(number) for number in range(60)}) == 60


def test_heat_grows_darker_with_occupancy():
    shown = heat(np.array([0, 1, 50, 100]), 2, 100).astype(int).sum(axis=2).ravel()
    assert list(shown) == sorted(shown, reverse=True)
    assert len(set(shown.tolist())) == 4


def test_the_graph_has_a_node_per_related_camera_and_a_line_per_edge(tmp_path):
    svg = draw_graph(read_run(make_run(tmp_path)))
    assert (svg.count("<circle"), svg.count("<line"), svg.count("stroke-dasharray")) == (10, 10, 1)


def test_the_graph_of_a_network_without_edges_is_left_out(tmp_path):
    assert draw_graph(read_run(make_run(tmp_path, pairs=(), transit=None))) == ""


def test_long_names_lose_their_middle():
    assert shorten("north-entrance-17", 9) == "nort…e-17"
    assert shorten("a\nb", 9) == "a b"


@pytest.mark.parametrize("camera", ["../../etc/passwd", "a/b", "", "..", "C1", "é:*?", "x" * 400])
def test_snapshots_stay_in_their_folder_and_come_back(tmp_path, camera):
    image = picture(3)
    path = write_snapshot(tmp_path, camera, image)
    assert path == snapshot_path(tmp_path, camera)
    assert path.resolve().parent == (tmp_path / "snapshots").resolve()
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    back = read_snapshot(tmp_path, camera)
    assert back is not None
    assert np.abs(back[..., ::-1].astype(int) - image).mean() < 6


def test_long_ids_that_begin_alike_have_snapshots_of_their_own(tmp_path):
    assert snapshot_path(tmp_path, "x" * 400) != snapshot_path(tmp_path, "x" * 401)


def test_a_damaged_snapshot_counts_as_none(tmp_path):
    path = write_snapshot(tmp_path, "C1", picture(1))
    path.write_bytes(b"\xff\xd8 not a picture")
    assert read_snapshot(tmp_path, "C1") is None
    assert read_snapshot(tmp_path, "C2") is None


def test_a_component_of_which_one_camera_is_drawn_has_its_place():
    """The others may be left out of a large network's picture."""
    weights = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]], float)
    position, height = _fit(weights, np.array([0, 0, 7]))
    assert np.isfinite(position).all()
    assert np.isfinite(height)
    assert len({tuple(place) for place in position.round(3).tolist()}) == 3
