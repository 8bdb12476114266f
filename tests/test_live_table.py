"""The live table fits its terminal, shows trouble first, and survives any camera's name."""

import io

import pytest
from rich.console import Console

from sdist_ray.jobs.live_table import LiveTable, summary_line
from sdist_ray.runtime.health import CameraHealth, NetworkHealth, ProcessHealth, WorkerHealth

HOSTILE = (
    "[red]bold[/]",
    "[/nothing]",
    "line\none\r\ttwo",
    "\x1b[31mred\x1b]0;title\x07",
    "摄像头-é-🎥",
    "‮gnorw eht ti daer",
    "x" * 5000,
    "",
)


def camera(number, state="live", **values):
    values = {
        "processed": 10,
        "available_ticks": 10,
        "occupied_ticks": number % 10,
        "last_frame_s": 99.0,
    } | values
    return CameraHealth(f"cam{number:03}", worker=0, state=state, **values)


def network(cameras, workers=2):
    return NetworkHealth(
        time_s=100.0,
        cameras=tuple(cameras),
        workers=tuple(WorkerHealth(n, f"node-{n}", n, 6, 0.5, 10**8, 60.0) for n in range(workers)),
        coordinator=ProcessHealth("node-0", 99, 0.1, 10**8),
        ranges_closed=12,
        ranges_counted=9,
        rows=1000,
        delay_p50_s=6.2,
        delay_p99_s=7.9,
        memory_slopes={"worker 0": 0.25},
    )


def terminal(width=80, height=24):
    return Console(
        width=width, height=height, force_terminal=True, file=io.StringIO(), color_system="truecolor"
    )


def drawn(health, width=80, height=24):
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    console.print(LiveTable("a run", console=console).picture(health, links=1204, edges=88))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("height", [10, 24, 40, 100])
@pytest.mark.parametrize(("cameras", "wrong"), [(0, 0), (1, 1), (12, 3), (300, 20), (300, 300), (2000, 0)])
@pytest.mark.parametrize("workers", [1, 40])
def test_it_fits_the_terminal(width, height, cameras, wrong, workers):
    states = ["frozen" if number < wrong else "live" for number in range(cameras)]
    lines = drawn(network(map(camera, range(cameras), states), workers), width, height)
    assert max(map(len, lines)) <= width
    # On the smallest what is too much is cropped.
    assert len(lines) < max(height, 20)
    text = "\n".join(lines)
    assert f"{cameras - wrong}/{cameras}" in text
    assert "1,204 links" in text
    assert "9 ranges (3 behind)" in text
    assert ("frozen" in text) == (wrong > 0)


def test_trouble_comes_first_and_says_what_is_wrong():
    cameras = [camera(number) for number in range(50)]
    cameras[40] = camera(40, "waiting", problem="connection refused")
    cameras[45] = camera(45, "covered")
    text = "\n".join(drawn(network(cameras), height=30))
    order = [text.index(name) for name in ("cam045", "cam040", "cam009")]
    assert order == sorted(order)
    assert "connection refused" in text
    assert "something is in front of the lens" in text
    assert "more, all well" in text


def test_every_camera_is_shown_or_counted():
    for cameras in range(0, 60):
        lines = drawn(network(map(camera, range(cameras))))
        shown = sum(line.startswith("cam0") for line in lines)
        more = [line for line in lines if line.endswith(" well")]
        assert shown + (int(more[0].split()[1]) if more else 0) == cameras


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("state", ["live", "frozen"])
def test_names_are_only_text(name, state):
    health = network(
        [CameraHealth(name, state=state, problem=f"{name}: refused" if state != "live" else None)]
    )
    lines = drawn(health)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert not any(ord(letter) < 32 and letter != "\n" for letter in text)
    assert "‮" not in text
    if name.startswith("["):
        assert name[:8] in text
    assert "\n" not in summary_line(health)
    assert "\x1b" not in summary_line(health)


def test_on_a_terminal_it_is_drawn_again_and_again_and_stays_at_the_end():
    console = terminal()
    with LiveTable("a run", console=console) as table:
        table.update(network([camera(1, processed=100)]))
        table.update(NetworkHealth(time_s=101.0, cameras=(camera(1, processed=110),)), links=5, edges=2)
    text = console.file.getvalue()
    assert "10.0" in text
    assert text.count("a run") >= 2


def test_rates_survive_cameras_that_come_and_go_and_begin_anew():
    console = terminal()
    with LiveTable(console=console) as table:
        for time_s, counts in ((0, {1: 50}), (1, {1: 60, 2: 5}), (1, {1: 60}), (2, {2: 3}), (3, {1: 0})):
            cameras = tuple(camera(number, processed=count) for number, count in counts.items())
            table.update(NetworkHealth(time_s=float(time_s), cameras=cameras))
        assert table._rates == {}


def test_elsewhere_it_is_a_line_every_ten_seconds(capsys):
    now = [0.0]
    with LiveTable("a run", clock_s=lambda: now[0]) as table:
        for second in range(0, 31):
            now[0] = float(second)
            table.update(network([camera(1), camera(2, "dark")]), links=7, edges=1)
    lines = capsys.readouterr().err.splitlines()
    assert (
        lines
        == [
            "a run: 1 of 2 cameras live, 120 FPS, delay 6.2 s (p99 7.9 s), 0.00 % late, 9 ranges (3 behind), "
            "7 links, 1 edges, 300 MB; in trouble: cam002 dark"
        ]
        * 3
    )
