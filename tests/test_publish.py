"""Publications: whoever reads sees a whole one, whatever becomes of who writes."""

import os
import threading

import pytest

from sdist_ray.errors import InputError
from sdist_ray.jobs import publish
from sdist_ray.jobs.publish import KEPT, Publisher
from tests.live import until


class Killed(BaseException):
    pass


def write(number):
    def into(folder):
        for name in ("a", "b"):
            (folder / name).write_text(f"{number}")

    return into


def latest(folder):
    place = (folder / "latest").resolve()
    return {(place / name).read_text() for name in ("a", "b")}


MOMENTS = ("os.replace 1", "os.replace 2", "Path.symlink_to 1", "Path.mkdir 1", "write 1")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_crash_at_any_point_leaves_the_latest_whole(tmp_path, monkeypatch, moment):
    Publisher(tmp_path).publish(write(1))
    what, at = moment.split()
    calls = []

    def killed(function):
        def call(*arguments, **more):
            calls.append(1)
            if len(calls) == int(at):
                raise Killed
            return function(*arguments, **more)

        return call

    into = write(2)
    with monkeypatch.context() as patched:
        # A process that is killed tidies nothing up.
        patched.setattr(publish.shutil, "rmtree", lambda *_, **__: None)
        if what == "os.replace":
            patched.setattr(publish.os, "replace", killed(os.replace))
        elif what == "write":
            into = killed(into)
        else:
            name = what.partition(".")[2]
            patched.setattr(publish.Path, name, killed(getattr(publish.Path, name)))
        with pytest.raises(Killed):
            Publisher(tmp_path).publish(into)
    assert calls
    assert latest(tmp_path) == {"1"}
    # Whoever comes next cleans up and goes on.
    publisher = Publisher(tmp_path)
    assert not list((tmp_path / "published").glob(".partial-*"))
    publisher.publish(write(3))
    assert latest(tmp_path) == {"3"}
    assert not (tmp_path / ".latest").is_symlink()


def test_a_reader_never_sees_half_a_publication(tmp_path):
    publisher = Publisher(tmp_path)
    publisher.publish(write(0))
    seen, reads, ended = set(), [], threading.Event()

    def read():
        while not ended.is_set():
            (number,) = latest(tmp_path)
            seen.add(number)
            reads.append(number)

    problems = []

    def guarded():
        try:
            read()
        except Exception as error:
            problems.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    for number in range(1, 60):
        before = len(reads)
        publisher.publish(write(number))
        # What is read for longer than some more are published for is gone.
        until(lambda: len(reads) > before or problems)  # noqa: B023
    ended.set()
    thread.join()
    assert not problems
    assert len(seen) > 5
    assert sorted(os.listdir(tmp_path / "published"), key=int) == ["58", "59", "60"][-KEPT:]


def test_a_folder_that_cannot_be_written_to_is_said_in_one_line(tmp_path):
    (tmp_path / "published").write_text("no folder")
    with pytest.raises(InputError, match=r"published/1: cannot be written"):
        Publisher(tmp_path).publish(write(1))
    nowhere = tmp_path / "published" / "deep"
    with pytest.raises(InputError, match="cannot be written"):
        Publisher(nowhere).publish(write(1))
    (tmp_path / "other" / "latest").mkdir(parents=True)
    (tmp_path / "other" / "latest" / "mine").write_text("not ours")
    with pytest.raises(InputError, match="cannot be written"):
        Publisher(tmp_path / "other").publish(write(1))
    assert (tmp_path / "other" / "latest" / "mine").exists()
