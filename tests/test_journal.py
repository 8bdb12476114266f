"""The journal: whoever reads it, and whenever it is cut, nothing is read that is not so."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.runtime import journal as module
from sdist_ray.runtime.journal import Closed, Journal, JournalReader
from sdist_ray.runtime.notes import NetworkNote, newest_note
from tests import networks

HAPPENS = ("close", "note", "cut", "read", "begin to read", "reopen", "tear")
ALL = networks.activity(3, 40)


def rows_of(index):
    inside = ALL.tick // networks.CLOCK.range_ticks == index % 40
    return ALL.take(np.flatnonzero(inside))


def note(number):
    return NetworkNote((f"c{number}",), requests=number)


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(HAPPENS), st.integers(0, 6)), max_size=40))
def test_readers_that_are_behind_hear_of_every_range_that_is_left_in_order(tmp_path_factory, story):
    path = tmp_path_factory.mktemp("journal") / "journal.arrow"
    journal = Journal(path)
    reader, reading, heard = JournalReader(path), None, []
    index, first, notes = 0, 0, 0
    for what, number in story:
        match what:
            case "close":
                journal.close_range(index, rows_of(index))
                index += 1
            case "note":
                notes += 1
                journal.note(note(notes).content())
            case "cut":
                first = max(first, index - number)
                journal.cut(index - number)
            case "read":
                heard += list(reading if reading is not None else reader.entries())
                reading = None
            case "begin to read":
                # Somewhere in the middle of it, whatever happens next.
                reading = reader.entries() if reading is None else reading
                heard += [entry for _, entry in zip(range(number), reading, strict=False)]
            case "reopen":
                journal.close()
                journal = Journal(path)
            case "tear":
                # Killed while it wrote.
                journal.close()
                with path.open("ab") as file:
                    file.write(os.urandom(number) if number < 4 else path.read_bytes()[:number])
                journal = Journal(path)
    heard += list(reading or ())
    heard += list(reader.entries())
    found = list(JournalReader(path).entries())
    assert [entry.index for entry in found if isinstance(entry, Closed)] == list(range(first, index))
    assert all(same(entry.rows, rows_of(entry.index)) for entry in found if isinstance(entry, Closed))
    assert newest_note(path) == (note(notes) if notes else None, index - 1 if index > first else None)
    # The reader was told of everything that it could hear of, and of nothing else.
    closed = [entry for entry in heard if isinstance(entry, Closed)]
    assert {entry.index for entry in closed} >= set(range(first, index))
    assert all(same(entry.rows, rows_of(entry.index)) for entry in closed)
    newest, fresh = -1, []
    for entry in closed:
        if entry.index > newest:
            newest = entry.index
            fresh.append(newest)
    assert fresh == sorted(set(fresh))
    journal.close()
    assert sorted(os.listdir(path.parent)) == [path.name]


def test_a_reader_that_slept_through_several_cuts_begins_again(tmp_path):
    """The file system may give a new journal the number of one that is gone."""
    path = tmp_path / "journal.arrow"
    journal, reader, index = Journal(path), JournalReader(path), 0
    for _ in range(6):
        for _ in range(10):
            journal.close_range(index, rows_of(index))
            index += 1
        read = [entry.index for entry in reader.entries()]
        assert read[-10:] == list(range(index - 10, index))
        for _ in range(4):
            journal.cut(index - 3)
    journal.close()


def test_a_cut_between_a_look_at_the_file_and_its_opening_is_noticed(tmp_path, monkeypatch):
    path = tmp_path / "journal.arrow"
    journal, reader = Journal(path), JournalReader(path)
    for index in range(20):
        journal.close_range(index, rows_of(index))
    assert len(list(reader.entries())) == 20
    opened = module.pa.OSFile

    def open_late(*arguments):
        monkeypatch.setattr(module.pa, "OSFile", opened)
        journal.cut(18)
        journal.close_range(20, rows_of(20))
        return opened(*arguments)

    monkeypatch.setattr(module.pa, "OSFile", open_late)
    assert [entry.index for entry in reader.entries()] == [18, 19, 20]
    journal.close()


@pytest.mark.parametrize("moment", ["write", "replace"])
def test_a_cut_that_fails_or_is_killed_leaves_the_journal_as_it_was(tmp_path, monkeypatch, moment):
    path = tmp_path / "journal.arrow"
    journal = Journal(path)
    journal.note(note(1).content())
    for index in range(9):
        journal.close_range(index, rows_of(index))

    class Killed(BaseException):
        pass

    for error in (OSError(28, "No space left on device"), Killed()):

        def fail(*_, error=error):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(module.os, moment, fail)
            with pytest.raises(type(error)):
                journal.cut(5)
    journal.close_range(9, rows_of(9))
    journal.close()
    journal = Journal(path)
    assert newest_note(path) == (note(1), 9)
    journal.cut(5)
    assert [entry.index for entry in JournalReader(path).entries() if isinstance(entry, Closed)] == [
        5,
        6,
        7,
        8,
        9,
    ]
    journal.close()
    assert os.listdir(tmp_path) == [path.name]
