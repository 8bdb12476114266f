"""Cameras laid onto the ground by what a topology has learnt of them."""

import numpy as np
import pytest

from sdist_ray.cameras.calibration import append_one
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.distancing.fusion_ground import LearnedEdge, learned_grounds

SIZE = (640, 480)


def camera(x, size=SIZE):
    return Pinhole.looking_at((x, -6.0, 5.0), (x, 4.0, 0.0), size, 70.0)


def edge(a, b, names, error=0.01):
    """The homography that a topology would learn of two pinholes: a's fractions to b's."""
    ground = np.array([[1.0, 0], [3, 0], [3, 6], [1, 6], [2, 3]])
    ends = [(c.to_image(ground) + 0.5) / c.image_size for c in (a, b)]
    found = Homography.from_points(ends[1], ends[0], SIZE)
    return LearnedEdge(*names, found.matrix / found.matrix[2, 2], error)


def test_a_chain_of_edges_carries_the_ground_from_one_calibrated_camera():
    first, second, third = camera(0.0), camera(2.0, (320, 240)), camera(4.0)
    edges = [edge(first, second, ("a", "b")), edge(third, second, ("c", "b"))]
    learned = learned_grounds({"b": second.image_size, "c": third.image_size}, {"a": first}, edges)
    assert set(learned) == {"b", "c"}
    feet = np.array([[2.0, 1.0], [2.5, 4.0], [1.5, 3.0]])
    for name, true in (("b", second), ("c", third)):
        np.testing.assert_allclose(learned[name].to_ground(true.to_image(feet)), feet, atol=1e-3)
        assert learned[name].image_size == true.image_size


def test_the_path_of_least_error_is_taken():
    first, second, third = camera(0.0), camera(1.0), camera(2.0)
    wrong = LearnedEdge("a", "c", np.eye(3), 0.2)
    edges = [wrong, edge(first, second, ("a", "b")), edge(second, third, ("b", "c"))]
    learned = learned_grounds({"b": SIZE, "c": SIZE}, {"a": first}, edges)
    feet = np.array([[2.0, 1.0], [2.5, 4.0]])
    np.testing.assert_allclose(learned["c"].to_ground(third.to_image(feet)), feet, atol=1e-3)


def test_who_is_not_connected_has_no_ground():
    first, second = camera(0.0), camera(2.0)
    edges = [edge(second, camera(3.0), ("b", "c"))]
    assert learned_grounds({"b": SIZE, "c": SIZE}, {"a": first}, edges) == {}
    away = LearnedEdge("b", "a", np.array([[1.0, 0, 9], [0, 1, 9], [0, 0, 1]]), np.nan)
    assert learned_grounds({"b": SIZE}, {"a": first}, [away]) == {}


def test_a_homography_of_either_sign_is_the_same():
    first, second = camera(0.0), camera(2.0)
    one = edge(first, second, ("a", "b"))
    other = LearnedEdge("a", "b", -one.homography, np.nan)
    grounds = [learned_grounds({"b": SIZE}, {"a": first}, [e])["b"].matrix for e in (one, other)]
    np.testing.assert_allclose(grounds[0] / grounds[0][2, 2], grounds[1] / grounds[1][2, 2], rtol=1e-6)
    assert append_one(np.array([[2.0, 3.0]])) @ grounds[0][2] == pytest.approx(
        append_one(np.array([[2.0, 3.0]])) @ grounds[1][2], rel=1e-6
    )
