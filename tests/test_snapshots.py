"""Snapshots of tiles and the journal: whole or refused, never something in between."""

import dataclasses
import json
import zlib

import numpy as np
import pyarrow as pa
import pytest

from sdist_ray.coordinator.instructions import CreateTile, Seat, TilePlan
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import pad_ranges
from sdist_ray.runtime import snapshots
from sdist_ray.runtime.hosts import ShardHost, Stale
from sdist_ray.runtime.journal import Closed, Journal, JournalReader
from sdist_ray.runtime.notes import NetworkNote
from sdist_ray.runtime.snapshots import SnapshotFolder, SnapshotRefused
from tests import networks

CAMERAS = 4
NAMES = networks.names(CAMERAS)
STORES = [("wide", "dense"), ("byte", "dense"), ("wide", "indexed")]


def padded(counting, ranges=40):
    rows = networks.activity(CAMERAS, ranges)
    entries = [range_of_rows(rows, k, CAMERAS, networks.GRID, networks.CLOCK) for k in range(ranges)]
    return list(pad_ranges(entries, counting.padding))


def counted(counting, ranges):
    tile = Tile(NAMES[:2], NAMES, counting)
    for entry in ranges:
        tile.apply(entry, NAMES)
    return tile


@pytest.mark.parametrize(("policy", "store"), STORES)
def test_a_tile_that_was_written_and_read_counts_on_as_if_nothing_had_been(tmp_path, policy, store):
    counting = networks.counting(policy, store)
    ranges = padded(counting)
    folder = SnapshotFolder(str(tmp_path))
    folder.write(3, counted(counting, ranges[:25]).snapshot())
    assert folder.ranges(3) == [24]
    tile = Tile.restore(folder.read(3, 24, NAMES[:2], NAMES, counting))
    assert tile.last_range == 24
    for entry in ranges[20:]:
        assert tile.apply(entry, NAMES) == (entry.index > 24)
    expected = counted(counting, ranges).snapshot()
    for name, array in tile.snapshot().state.items():
        np.testing.assert_array_equal(array, expected.state[name])
        assert array.dtype == expected.state[name].dtype


def test_of_many_tiles_the_place_is_looked_at_once(tmp_path, monkeypatch):
    counting = networks.counting()
    ranges, looks = padded(counting), []
    look = SnapshotFolder._look
    monkeypatch.setattr(SnapshotFolder, "_look", lambda self: looks.append(self) or look(self))
    folder, other = SnapshotFolder(str(tmp_path)), SnapshotFolder(str(tmp_path))
    for count in (5, 10, 15):
        for tile in range(20):
            folder.write(tile, counted(counting, ranges[:count]).snapshot())
    assert [folder.ranges(tile) for tile in range(20)] == [[9, 14]] * 20
    assert len(looks) == 1
    folder.forget(range(10))
    assert [other.ranges(tile) for tile in (0, 9, 10, 19)] == [[], [], [9, 14], [9, 14]]
    folder.write(0, counted(counting, ranges[:20]).snapshot())
    assert other.ranges(0) == []
    other.look_again()
    assert other.ranges(0) == folder.ranges(0) == [19]


def test_arrays_may_be_of_many_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "CHUNK_BYTES", 100)
    counting = networks.counting()
    tile = counted(counting, padded(counting))
    folder = SnapshotFolder(f"file://{tmp_path}/deep/er")
    folder.write(0, tile.snapshot())
    found = folder.read(0, 39, NAMES[:2], NAMES, counting)
    np.testing.assert_array_equal(found.state["agreements"], tile.store.agreements)


def test_two_are_kept_and_all_are_cleared(tmp_path):
    counting = networks.counting()
    ranges = padded(counting)
    folder = SnapshotFolder(str(tmp_path / "s"))
    for number in (5, 9, 30):
        folder.write(1, counted(counting, ranges[:number]).snapshot())
        folder.write(11, counted(counting, ranges[:number]).snapshot())
    assert folder.ranges(1) == folder.ranges(11) == [8, 29]
    assert len(list((tmp_path / "s").iterdir())) == 4
    folder.clear()
    assert not (tmp_path / "s").exists()
    folder.clear()
    assert folder.ranges(1) == []


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with one good snapshot, its file's bytes, and how it counts."""
    folder = tmp_path_factory.mktemp("snapshots")
    counting = networks.counting()
    SnapshotFolder(str(folder)).write(0, counted(counting, padded(counting)).snapshot())
    (path,) = folder.iterdir()
    return path.name, path.read_bytes(), counting


def refused(tmp_path, written, content, match="refused", summed=False):
    _, _, counting = written
    name = f"tile-00000-39-{zlib.crc32(content):08x}.arrow" if summed else written[0]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SnapshotRefused, match=match) as caught:
        SnapshotFolder(str(tmp_path)).read(0, 39, NAMES[:2], NAMES, counting)
    assert name in str(caught.value)
    return str(caught.value)


def test_a_truncated_snapshot_is_refused_wherever_it_is_cut(tmp_path, written):
    whole = written[1]
    for length in [*range(0, len(whole), 61), len(whole) - 1]:
        refused(tmp_path, written, whole[:length])


def test_a_flipped_bit_is_refused_wherever_it_is(tmp_path, written):
    whole = written[1]
    for place in range(0, len(whole), 7):
        damaged = whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :]
        refused(tmp_path, written, damaged, "checksum")


def test_a_file_that_was_never_arrow_is_refused(tmp_path, written):
    for content in (b"", b"ARROW1", bytes(1000), b"nonsense" * 50):
        refused(tmp_path, written, content, "damaged", summed=True)
        for path in tmp_path.iterdir():
            path.unlink()


def other(counting, **changes):
    padding = {k: changes.pop(k) for k in ("grid", "clock", "tolerance") if k in changes}
    return dataclasses.replace(counting, padding=dataclasses.replace(counting.padding, **padding), **changes)


@pytest.mark.parametrize(
    ("changes", "rows", "says"),
    [
        ({"grid": Grid(3, 4)}, NAMES[:2], "grid is '4x3', but must be '3x4'"),
        ({"clock": Clock(5, 4)}, NAMES[:2], "fps is 10, but must be 5"),
        ({"clock": Clock(10, 5)}, NAMES[:2], "range_ticks is 4, but must be 5"),
        ({"tolerance": 2}, NAMES[:2], "tolerance is 3, but must be 2"),
        ({"policy": "byte"}, NAMES[:2], "policy is 'wide', but must be 'byte'"),
        ({"store": "indexed"}, NAMES[:2], "store is 'dense', but must be 'indexed'"),
        ({"recent": 9}, NAMES[:2], "recent is 0, but must be 9"),
        ({"whole": 9}, NAMES[:2], "whole is 0, but must be 9"),
        ({}, NAMES[1:3], "rows are other cameras"),
    ],
)
def test_a_snapshot_of_something_else_is_refused_by_name(tmp_path, written, changes, rows, says):
    name, whole, counting = written
    (tmp_path / name).write_bytes(whole)
    with pytest.raises(SnapshotRefused, match=says):
        SnapshotFolder(str(tmp_path)).read(0, 39, rows, NAMES, other(counting, **changes))


def with_description(whole, change):
    """The snapshot with another description (a function of the old one, or text)."""
    reader = pa.ipc.open_file(pa.BufferReader(whole))
    described = json.loads(reader.schema.metadata[snapshots.METADATA])
    text = change if isinstance(change, str) else json.dumps(described | change(described))
    schema = reader.schema.with_metadata({snapshots.METADATA: text.encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            writer.write_batch(pa.record_batch(batch.columns, schema=schema))
    return sink.getvalue().to_pybytes()


def arrays(**changes):
    return lambda old: {"arrays": [old["arrays"][0] | changes, *old["arrays"][1:]]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _: {"version": "2"}, "version is '2', but must be '1'"),
        (lambda _: {"last_range": 7}, "last_range is 7, but must be 39"),
        (lambda _: {"grid": {"deep": []}}, "grid is"),
        ("not json", "not a snapshot"),
        ("[" * 100_000, "not a snapshot"),
        ("[]", "not a snapshot"),
        (lambda _: {"arrays": None}, "list of arrays is damaged"),
        (lambda _: {"arrays": [1, 2]}, "list of arrays is damaged"),
        (lambda _: {"arrays": []}, "of no array"),
        (arrays(shape=[2**40, 2**40]), "truncated"),
        (arrays(shape=[0, 2**62]), "damaged"),
        (arrays(shape=[-1, -24]), "not plain numbers"),
        (arrays(shape=[float("inf")]), "damaged"),
        (arrays(shape="many"), "damaged"),
        (arrays(shape=[1] * 100), "damaged"),
        (arrays(dtype="|O"), "not plain numbers"),
        (arrays(dtype=["|u1"]), "damaged"),
        (arrays(shape=[24, 47]), "refused"),
    ],
)  # fmt: skip
def test_a_hostile_description_is_refused(tmp_path, written, change, says):
    refused(tmp_path, written, with_description(written[1], change), says, summed=True)


def test_many_arrays_are_not_made_room_for_beyond_what_the_file_holds(tmp_path, written):
    one = {"name": "a", "dtype": "|u1", "shape": [len(written[1]) - 100]}
    content = with_description(written[1], lambda _: {"arrays": [one] * 1000})
    refused(tmp_path, written, content, "truncated", summed=True)


def test_a_place_that_is_none_is_refused_by_name():
    with pytest.raises(InputError, match=r"runtime\.snapshots=nowhere://x"):
        SnapshotFolder("nowhere://x")


PLAN = TilePlan(0, NAMES[:2], NAMES)


@pytest.mark.parametrize(
    ("damaged", "last", "levels"),
    [((), 29, (19, 29)), ((29,), 19, (19,)), ((19,), 29, (29,)), ((19, 29), None, ())],
)
def test_a_damaged_snapshot_is_passed_over_for_the_one_before(tmp_path, caplog, damaged, last, levels):
    counting = networks.counting()
    folder = SnapshotFolder(str(tmp_path))
    ranges = padded(counting)
    host = ShardHost(counting, folder)
    host.attach("s", [])
    host.create_tile("s", PLAN)
    previous = None
    for entry in ranges[:35]:
        host.apply("s", entry, NAMES, previous)
        previous = entry.index
        if previous % 10 == 9:
            assert host.take_snapshot("s") == previous
    for index in damaged:
        (path,) = tmp_path.glob(f"tile-00000-{index}-*.arrow")
        path.write_bytes(path.read_bytes()[:-20])
    new = ShardHost(counting, folder)
    found = new.restore("t", [PLAN])
    assert (found.last, found.snapshots) == (last, levels)
    for index in damaged:
        assert f"tile-00000-{index}-" in caplog.text
        assert "truncated or damaged" in caplog.text
    for entry in ranges[0 if last is None else last + 1 :]:
        new.apply("t", entry, NAMES, entry.index - 1 if entry.index else None)
    ((tile),) = new._tiles.values()
    np.testing.assert_array_equal(tile.store.agreements, counted(counting, ranges).store.agreements)


def test_a_folder_that_cannot_be_written_costs_the_snapshot_only(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    counting = networks.counting()
    host = ShardHost(counting, SnapshotFolder(str(tmp_path / "file" / "s")))
    host.attach("s", [])
    host.create_tile("s", PLAN)
    host.apply("s", padded(counting)[0], NAMES, None)
    assert host.take_snapshot("s") is None
    assert "no snapshot in" in caplog.text


NOTE = NetworkNote(
    NAMES, {"c09": "gone"}, 3, None, (Seat("c00", 1), Seat("c01", 0, 5)), (CreateTile(1, PLAN),), 2
)


def write_journal(path, ranges=6):
    """A journal of a note and some ranges, and where each entry ends."""
    rows, ends = networks.activity(CAMERAS, ranges), []
    per_range = rows.tick // networks.CLOCK.range_ticks
    journal = Journal(path)
    journal.note(NOTE.content())
    ends.append(path.stat().st_size)
    parts = [rows.take(np.flatnonzero(per_range == index)) for index in range(ranges)]
    for index, part in enumerate(parts):
        journal.close_range(index, part)
        ends.append(path.stat().st_size)
    journal.close()
    return parts, ends


def same_rows(a, b):
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))


def test_a_journal_gives_back_what_was_written(tmp_path):
    parts, _ = write_journal(tmp_path / "j")
    note, *closed = JournalReader(tmp_path / "j").entries()
    assert NetworkNote.of(note) == NOTE
    assert [entry.index for entry in closed] == list(range(6))
    assert all(same_rows(entry.rows, part) for entry, part in zip(closed, parts, strict=True))
    assert closed[0].rows.windows.dtype == np.uint16


def test_a_journal_is_read_while_it_grows(tmp_path):
    path = tmp_path / "j"
    reader = JournalReader(path)
    assert list(reader.entries()) == []
    journal = Journal(path)
    journal.note({"a": 1})
    assert list(reader.entries()) == [{"a": 1}]
    assert list(reader.entries()) == []
    journal.note({"b": 2})
    assert list(reader.entries()) == [{"b": 2}]
    journal.close()


def test_the_tail_of_a_journal_that_was_cut_is_dropped_and_written_over(tmp_path):
    parts, ends = write_journal(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    path = tmp_path / "j"
    for length in range(0, len(whole), 53):
        path.write_bytes(whole[:length])
        left = sum(end <= length for end in ends)
        assert len(list(JournalReader(path).entries())) == left
        journal = Journal(path)
        journal.close_range(99, parts[0])
        journal.close()
        entries = list(JournalReader(path).entries())
        assert len(entries) == left + 1
        assert isinstance(entries[-1], Closed)
        assert entries[-1].index == 99
        assert same_rows(entries[-1].rows, parts[0])


def test_a_shard_of_several_tiles_is_back_where_all_of_them_are(tmp_path):
    """The second tile joined after range 24; its newest snapshot is damaged."""
    counting = networks.counting()
    ranges, folder = padded(counting), SnapshotFolder(str(tmp_path))
    plans = [PLAN, TilePlan(1, NAMES[2:], NAMES, since=24)]
    host = ShardHost(counting, folder)
    host.attach("s", [])
    host.create_tile("s", plans[0])
    for entry in ranges[:39]:
        if entry.index == 20:
            host.create_tile("s", plans[1])
        host.apply("s", entry, NAMES, entry.index - 1 if entry.index else None)
        if entry.index in (29, 35):
            host.take_snapshot("s")
    (path,) = tmp_path.glob("tile-00001-35-*")
    path.write_bytes(b"")
    new = ShardHost(counting, folder)
    found = new.restore("t", plans)
    assert (found.last, found.snapshots) == (29, (24, 29))
    for entry in ranges[30:]:
        new.apply("t", entry, NAMES, entry.index - 1)
    first, second = new._tiles.values()
    np.testing.assert_array_equal(first.store.agreements, counted(counting, ranges).store.agreements)
    late = Tile(NAMES[2:], NAMES, counting)
    for entry in ranges[25:]:
        late.apply(entry, NAMES)
    np.testing.assert_array_equal(second.store.agreements, late.store.agreements)


def test_calls_of_another_session_are_refused():
    counting = networks.counting()
    first, second = padded(counting)[:2]
    host = ShardHost(counting)
    with pytest.raises(Stale):
        host.create_tile("s", PLAN)
    assert host.attach("s", [PLAN]) is None
    host.create_tile("s", PLAN)
    host.apply("s", first, NAMES, None)
    assert host.attach("t", [PLAN]).last == 0
    with pytest.raises(Stale):
        host.apply("s", second, NAMES, 0)
    host.apply("t", first, NAMES, None)  # what it has it does not count again
    with pytest.raises(Stale):
        host.apply("t", second, NAMES, None)  # on top of something else than it has
    host.apply("t", second, NAMES, 0)
    expected = counted(counting, [first, second]).store.agreements
    np.testing.assert_array_equal(host._tiles[0].store.agreements, expected)
