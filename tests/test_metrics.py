"""Health as Prometheus metrics: what Ray is told, and what a scrape finds."""

import dataclasses
import importlib.util
import os
import socket
import time
import urllib.request

import pytest

from sdist_ray.runtime.health import CameraHealth, NetworkHealth, ProcessHealth, WorkerHealth

pytestmark = pytest.mark.ray
HOSTILE = (
    "[red]",
    "new\nline",
    'quo"te\\',
    "\x1b[31m",
    "摄像头 🎥",
    "x" * 5000,
    "y" * 5000,
    "",
    "rtsp://u:p@h/s",
)


def network(step, names, **values):
    cameras = tuple(
        CameraHealth(
            name, state="live", frames_in=10 * step, processed=9 * step, dropped=step, late=step,
            last_frame_s=100.0, available_ticks=10, occupied_ticks=3, busy_s=0.1, delay_p50_s=3.0,
            delay_p99_s=7.5, skew_s=0.1,
        )
        for name in names
    )  # fmt: skip
    return NetworkHealth(
        time_s=101.0,
        cameras=cameras,
        workers=(WorkerHealth(0, "n", 3, len(names), 0.4, 10**8, 50.0),),
        coordinator=ProcessHealth("n", 1, 0.1, 10**8),
        ranges_closed=step,
        ranges_counted=max(0, step - 1),
        rows=100 * step,
        memory_slopes={"worker 0": 0.2},
        **values,
    )


class Told:
    """Stands in for Ray's metrics: what each was told, by tags."""

    all: dict

    def __init__(self, name, description, tag_keys):
        self.keys = set(tag_keys)
        self.values = Told.all.setdefault(name, {})

    def set(self, value, tags):
        assert set(tags) == self.keys
        self.values[tuple(sorted(tags.items()))] = value

    def inc(self, value, tags):
        assert value > 0
        assert set(tags) == self.keys
        key = tuple(sorted(tags.items()))
        self.values[key] = self.values.get(key, 0) + value


@pytest.fixture
def told(monkeypatch):
    from sdist_ray.runtime.ray import metrics

    monkeypatch.setattr(metrics, "Counter", Told)
    monkeypatch.setattr(metrics, "Gauge", Told)
    Told.all = {}
    return Told.all


def test_counters_go_on_and_gauges_are_the_newest(told):
    from sdist_ray.runtime.ray.metrics import Metrics

    metrics = Metrics(every_s=0)
    for step in (1, 2, 5):
        metrics.publish(network(step, ["a", "b"]))
    a = (("camera", "a"),)
    assert told["sdist_ray_frames_in"][a] == 50
    assert told["sdist_ray_frames_lost"][(*a, ("reason", "dropped"))] == 5
    assert told["sdist_ray_camera_delay_seconds"][(*a, ("quantile", "0.99"))] == 7.5
    assert told["sdist_ray_camera_last_frame_age_seconds"][a] == 1.0
    assert told["sdist_ray_ranges_behind"][()] == 1
    assert told["sdist_ray_cameras"][(("state", "live"),)] == 2
    # Begun anew: from there on, up.
    metrics.publish(network(0, ["a", "b"]))
    metrics.publish(network(3, ["a", "b"]))
    assert told["sdist_ray_frames_in"][a] == 80


def test_pictures_that_come_too_soon_are_passed_over(told):
    from sdist_ray.runtime.ray.metrics import Metrics

    metrics = Metrics(every_s=5)
    for second in range(12):
        metrics.publish(dataclasses.replace(network(second + 1, ["a"]), time_s=100.0 + second))
    assert told["sdist_ray_rows_counted"][()] == 1100


def test_labels_are_bounded_whatever_cameras_are_called(told, monkeypatch):
    from sdist_ray.runtime.ray import metrics

    monkeypatch.setattr(metrics, "MOST_CAMERAS", 12)
    publisher = metrics.Metrics(every_s=0)
    for step in range(1, 6):
        publisher.publish(network(step, [*HOSTILE, *(f"{step}-{number}" for number in range(10))]))
    labels = {dict(tags)["camera"] for tags in told["sdist_ray_frames_in"]}
    assert len(labels) == 12 + 1
    assert all(
        len(label) <= 80 and label.isascii() and label.isprintable() and "://" not in label
        for label in labels
    )
    # No two cameras share one, but for those that are too many.
    assert len({dict(tags)["camera"] for tags in told["sdist_ray_camera_live"]}) == 12
    assert told["sdist_ray_frames_in"][(("camera", "(others)"),)] > 0


@pytest.mark.skipif(
    importlib.util.find_spec("prometheus_client") is None or importlib.util.find_spec("aiohttp") is None,
    reason="only ray[default] serves metrics",
)
def test_a_scrape_of_a_real_cluster_finds_them():
    import ray

    from sdist_ray.runtime.ray.metrics import Metrics

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray.init(
        address="local", include_dashboard=False, num_cpus=1, object_store_memory=100 << 20,
        log_to_driver=False, _metrics_export_port=port, _system_config={"metrics_report_interval_ms": 500},
    )  # fmt: skip
    try:
        metrics = Metrics(every_s=0)
        step, lines = 0, []
        limit = time.monotonic() + 240
        while time.monotonic() < limit and not any('camera="gate"' in line for line in lines):
            step += 1
            metrics.publish(network(step, ["gate", *HOSTILE]))
            time.sleep(0.25)
            lines = scraped(port)
        values = {
            line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in lines if 'camera="gate"' in line
        }
        assert values["ray_sdist_ray_camera_live"] == 1
        assert values["ray_sdist_ray_frames_in_total"] in {10.0 * number for number in range(1, step + 1)}
        text = "\n".join(lines)
        assert 'worker="0"' in text
        assert "u:p@h" not in text
    finally:
        ray.shutdown()


def scraped(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return [line for line in answer.read().decode().splitlines() if line.startswith("ray_sdist_ray_")]
    except OSError:
        return []
