"""What a live network leaves for others to look at."""

import json

import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.jobs import live_notes
from sdist_ray.jobs.live_notes import HEALTH, LiveNotes
from sdist_ray.report.snapshots import snapshot_path
from sdist_ray.runtime.health import CameraHealth, NetworkHealth, WorkerHealth

PICTURE = np.zeros((6, 8, 3), np.uint8)


def health(time_s=100.0, **more):
    cameras = (CameraHealth("a", 0, "live", late=3, last_frame_s=99.0), CameraHealth("b", 0, "dark"))
    minutes = {"2026-01-01T00:00Z": {"a": 1, "b": 2}}
    return NetworkHealth(
        time_s, cameras, (WorkerHealth(0, "node", 1, 2, frames_per_s=20.0),), late_minutes=minutes, **more
    )


def read(folder):
    return json.loads((folder / HEALTH).read_text())


def test_health_is_written_down_and_at_the_end_says_that_nothing_runs(tmp_path):
    with LiveNotes(tmp_path, "site", dict) as notes:
        notes.tell(health(links=7))
        content = read(tmp_path)
        assert (content["name"], content["running"]) == ("site", True)
        assert [camera["state"] for camera in content["health"]["cameras"]] == ["live", "dark"]
        assert content["health"]["late_minutes"] == {"2026-01-01T00:00Z": 3}
        assert content["health"]["links"] == 7
        assert content["history"]["live"] == [1]
    assert read(tmp_path)["running"] is False


def test_it_is_not_written_more_often_than_every_two_seconds_and_history_ends_after_an_hour(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(live_notes, "MOST_HISTORY", 5)
    now = [0.0]
    monkeypatch.setattr(live_notes.time, "monotonic", lambda: now[0])
    notes = LiveNotes(tmp_path, "site", dict)
    times = []
    for second in range(100):
        now[0] = float(second)
        notes.tell(health(float(second)))
        times.append(read(tmp_path)["health"]["time_s"])
    assert len(set(times)) == 50
    assert read(tmp_path)["history"]["time_s"] == [50.0, 60.0, 70.0, 80.0, 90.0]


def test_pictures_are_renewed_now_and_then(tmp_path, monkeypatch):
    now, asked = [0.0], []
    monkeypatch.setattr(live_notes.time, "monotonic", lambda: now[0])
    notes = LiveNotes(tmp_path, "site", lambda: asked.append(now[0]) or {"../a": PICTURE})
    for second in range(400):
        now[0] = float(second)
        notes.tell(health())
    assert asked == [30.0, 330.0]
    assert snapshot_path(tmp_path, "../a").is_file()


def test_a_full_disk_stops_nothing(tmp_path, monkeypatch):
    def full(path, data):
        raise InputError(f"{path}: No space left on device")

    monkeypatch.setattr(live_notes, "write_bytes", full)
    with LiveNotes(tmp_path / "gone", "site", dict) as notes:
        notes.tell(health())
    assert not (tmp_path / "gone").exists()
