"""Partitionings: one value for one meaning, what is kept from one to the next, and who counts it."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.partition.partitioning import TOLERATED, Partitioning, difference, place_groups

CAMERAS = [f"c{number:02}" for number in range(12)]


@st.composite
def partitionings(draw, cameras=CAMERAS):
    """Cameras to groups, or to none."""
    group_of = {camera: draw(st.sampled_from([None, 0, 1, 2, 3])) for camera in cameras}
    return Partitioning.of({camera: group for camera, group in group_of.items() if group is not None})


def together(partitioning):
    return {pair for group in partitioning.groups for pair in itertools.product(group, group)}


def test_equal_groups_are_equal_whatever_their_order():
    assert Partitioning((("b", "a"), ("d",))) == Partitioning((("d",), ("a", "b")))
    assert Partitioning.of({"d": "x", "b": "y", "a": "y"}).groups == (("a", "b"), ("d",))


def test_a_camera_that_comes_twice_and_an_empty_group_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^camera 'a' comes twice; a camera has one group, or none$"):
        Partitioning((("a", "b"), ("a",)))
    with pytest.raises(ValueError, match="comes twice"):
        Partitioning((("a", "a"),))
    with pytest.raises(ValueError, match="without cameras"):
        Partitioning((("a",), ()))


def test_what_it_costs():
    partitioning = Partitioning((("a", "b", "c"), ("d",)))
    assert (partitioning.pairs, partitioning.largest) == (10, 3)
    assert partitioning.cameras == ("a", "b", "c", "d")
    assert (Partitioning().pairs, Partitioning().largest) == (0, 0)


@settings(max_examples=200, deadline=None)
@given(partitionings(), partitionings())
def test_the_pairs_of_the_difference_are_those_of_both(old, new):
    found = difference(old, new)
    assert {*found.unchanged, *found.created} == set(new.groups)
    assert {*found.unchanged, *found.dropped} == set(old.groups)
    assert not set(found.created) & set(found.dropped)
    kept = together(Partitioning(found.unchanged))
    for block in found.kept:
        assert set(block.cameras) == set(old.groups[block.old]) & set(new.groups[block.new])
        assert old.groups[block.old] in found.dropped
        assert new.groups[block.new] in found.created
        kept |= set(itertools.product(block.cameras, block.cameras))
    assert kept == together(old) & together(new)
    assert len({(block.old, block.new) for block in found.kept}) == len(found.kept)


def test_nothing_changes_between_equal_partitionings():
    same = Partitioning((("a", "b"), ("c",)))
    found = difference(same, same)
    assert found.unchanged == same.groups
    assert found.created == found.dropped == found.kept == ()


@settings(max_examples=200, deadline=None)
@given(partitionings(), st.integers(1, 4), st.data())
def test_no_shard_has_much_more_than_its_share(partitioning, shards, data):
    groups = partitioning.groups
    chosen = data.draw(st.lists(st.integers(0, shards - 1), min_size=len(groups), max_size=len(groups)))
    stays = {group: shard for group, shard in zip(groups, chosen, strict=True) if data.draw(st.booleans())}
    placed = place_groups(groups, shards, {c: [stays[g]] for g in stays for c in g}, stays)
    assert len(placed) == len(groups)
    load = [0] * shards
    for group, shard in zip(groups, placed, strict=True):
        load[shard] += len(group) ** 2
    mean = sum(load) / shards
    largest = partitioning.largest**2
    assert all(0 <= shard < shards for shard in placed)
    assert max(load, default=0) <= max((1 + TOLERATED) * mean, mean + largest)


def test_a_group_that_stays_is_not_moved_and_another_goes_to_where_its_cameras_are():
    groups = (("a", "b"), ("c", "d"), ("e", "f"), ("g", "h"))
    stays = {groups[0]: 2, groups[1]: 1}
    holds = {"e": [3], "f": [3], "g": [0]}
    assert place_groups(groups, 4, holds, stays) == [2, 1, 3, 0]


def test_a_shard_that_would_have_too_much_gives_its_smallest_groups_away():
    groups = tuple((f"{k}a", f"{k}b") for k in range(4))
    placed = place_groups(groups, 2, stays=dict.fromkeys(groups, 1))
    assert sorted(placed) == [0, 0, 1, 1]


def test_groups_go_where_there_is_memory_or_are_refused():
    groups = (("a", "b", "c"), ("d", "e"), ("f",))
    assert place_groups(groups, 2, memory=[5, 4, 2], room=6) == [0, 1, 1]
    with pytest.raises(ValueError, match="a group of 2 cameras does not fit on any of 2 shards"):
        place_groups(groups, 2, memory=[5, 7, 2], room=6)
    with pytest.raises(ValueError, match="no shard"):
        place_groups(groups, 0)


def test_a_hundred_thousand_cameras_are_placed_without_a_word():
    groups = tuple(tuple(f"{g}/{c}" for c in range(40)) for g in range(2500))
    old = Partitioning(groups)
    new = Partitioning((*groups[:2400], *(group[:20] for group in groups[2400:])))
    found = difference(old, new)
    assert len(found.created) == 100
    placed = place_groups(new.groups, 16)
    assert max(map(placed.count, range(16))) <= 200
