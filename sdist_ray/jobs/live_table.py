"""A live network on the terminal: its numbers, its workers, and its cameras, those in trouble first."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sdist_ray.jobs.console import say
from sdist_ray.runtime.health import BLIND, CameraHealth, NetworkHealth

SECONDS_BETWEEN_LINES = 10.0
MOST_WORKERS = 6
LEAST_HEIGHT = 12
HEADER_LINES = 4
TABLE_LINES = 3
"""Of a table without its rows: an empty line, its head, a rule."""
STYLES = {
    "live": "green",
    "dark": "bold red",
    "frozen": "bold red",
    "covered": "bold red",
    "waiting": "bold yellow",
    "connecting": "yellow",
    "starting": "cyan",
    "paused": "blue",
    "ended": "bright_black",
}
SAID = {
    "dark": "the picture is nearly black",
    "frozen": "the same frame comes again and again",
    "covered": "something is in front of the lens",
}
DIM = "bright_black"


class LiveTable:
    """Shows a live network while a block runs: a table on a terminal, a line now and then elsewhere.

    Args:
        title: of what is run.
        console: where to; standard error unless given.
        clock_s: seconds that pass.
    """

    def __init__(
        self,
        title: str = "sdist_ray",
        console: Console | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._console = console or Console(stderr=True)
        self._clock_s = clock_s
        self._begun_s = clock_s()
        self._said_s = self._begun_s
        self._last: tuple[float, dict[str, int]] | None = None
        self._rates: dict[str, float] = {}
        self._live: Live | None = None
        self._is_terminal = self._console.is_terminal if console is not None else sys.stderr.isatty()

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last table where it is."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(self, health: NetworkHealth, links: int | None = None, edges: int | None = None) -> None:
        """Show this from now on.

        Args:
            health: of the network.
            links, edges: of the newest topology; ``health``'s unless given.
        """
        links = health.links if links is None else links
        edges = health.edges if edges is None else edges
        if self._live is not None:
            self._measure(health)
            self._live.update(self.picture(health, links, edges), refresh=True)
        elif self._clock_s() - self._said_s >= SECONDS_BETWEEN_LINES:
            self._said_s = self._clock_s()
            say(f"{_plain(self._title, 40)}: {summary_line(health, links, edges)}")

    def picture(
        self, health: NetworkHealth, links: int | None = None, edges: int | None = None
    ) -> RenderableType:
        """The whole of it, as high as the terminal has room for."""
        parts: list[RenderableType] = [self._header(health, links, edges), _workers(health)]
        shown_workers = min(len(health.workers), MOST_WORKERS + 1)
        left = max(LEAST_HEIGHT, self._console.height) - 1 - HEADER_LINES - 2 - shown_workers
        trouble = sorted((c for c in health.cameras if c.in_trouble), key=lambda c: (_urgency(c), c.camera))
        well = sorted((c for c in health.cameras if not c.in_trouble), key=_busiest)
        if trouble:
            # A third is kept for the others; the rest is for what needs someone to look at it.
            kept = min(max(left // 3, TABLE_LINES + 3), TABLE_LINES + len(well)) if well else 0
            room = _room(len(trouble), left - kept, least=1)
            parts += [Text(), _trouble(trouble[:room], health.time_s)]
            left -= TABLE_LINES + room
            if len(trouble) > room:
                parts.append(Text(f"  and {len(trouble) - room} more in trouble", "bold red"))
                left -= 1
        room = _room(len(well), left, least=0)
        if room:
            parts += [Text(), self._cameras(well[:room], health.time_s)]
        if len(well) > room:
            parts.append(Text(f"  and {len(well) - room} {'more, all' if room else 'that are'} well", DIM))
        return Group(*parts)

    def _measure(self, health: NetworkHealth) -> None:
        """Each camera's frames a second, smoothed, from what it had before."""
        counts = {camera.camera: camera.processed for camera in health.cameras}
        if self._last is not None and health.time_s > self._last[0]:
            passed = health.time_s - self._last[0]
            before = self._last[1]
            rates = {}
            for camera, count in counts.items():
                if camera in before:
                    rate = max(0, count - before[camera]) / passed
                    rates[camera] = 0.7 * self._rates.get(camera, rate) + 0.3 * rate
            self._rates = rates
        self._last = health.time_s, counts

    def _header(self, health: NetworkHealth, links: int | None, edges: int | None) -> RenderableType:
        total, live = len(health.cameras), health.live
        title = Text().append(_plain(self._title, 30), "bold").append(f"   {self._passed()}", DIM)
        delay = f"{_seconds(health.delay_p50_s)} / {_seconds(health.delay_p99_s)}"
        first = (
            (f"{live}/{total}", " cameras live"),
            (f"{health.frames_per_s:,.0f}", " FPS"),
            (delay, " delay (p99)"),
            (_percent(health.late_fraction), " late"),
        )
        second = (
            (f"{health.ranges_counted:,}", " ranges" + _behind(health)),
            (_number(links), " links"),
            (_number(edges), " edges"),
            (_bytes(health.rss_bytes), _slope(health)),
        )
        table = Table.grid(expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_row(title)
        table.add_row(_facts(first))
        table.add_row(_facts(second))
        table.add_row(_shares(health, self._console.width))
        return table

    def _passed(self) -> str:
        minutes, seconds = divmod(int(self._clock_s() - self._begun_s), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}"

    def _cameras(self, cameras: Sequence[CameraHealth], now_s: float) -> Table:
        table = _table(("camera", "left"), ("state", "left"))
        for name in ("FPS", "delay", "p99", "lost", "late", "seen", "age"):
            table.add_column(name, justify="right", no_wrap=True, min_width=5)
        for camera in cameras:
            rate = self._rates.get(camera.camera)
            lost = camera.dropped + camera.bad
            table.add_row(
                Text(_plain(camera.camera, 40)),
                _state(camera),
                "–" if rate is None else f"{rate:.1f}",
                _seconds(camera.delay_p50_s),
                _seconds(camera.delay_p99_s),
                Text(_count(lost), "yellow" if lost else DIM),
                Text(_count(camera.late), "yellow" if camera.late else DIM),
                "–" if camera.occupancy_rate is None else f"{camera.occupancy_rate:.0%}",
                _seconds(camera.age_s(now_s)),
            )
        return table


def summary_line(health: NetworkHealth, links: int | None = None, edges: int | None = None) -> str:
    """A live network in one plain line."""
    line = (
        f"{health.live} of {len(health.cameras)} cameras live, {health.frames_per_s:.0f} FPS, "
        f"delay {_seconds(health.delay_p50_s)} (p99 {_seconds(health.delay_p99_s)}), "
        f"{_percent(health.late_fraction)} late, {health.ranges_counted} ranges{_behind(health)}, "
        f"{_number(links)} links, {_number(edges)} edges, {_bytes(health.rss_bytes)}"
    )
    trouble = [camera for camera in health.cameras if camera.in_trouble]
    if trouble:
        named = [f"{_plain(camera.camera, 40)} {camera.state}" for camera in trouble[:3]]
        more = f" and {len(trouble) - 3} more" if len(trouble) > 3 else ""
        line += f"; in trouble: {', '.join(named)}{more}"
    return line


def _room(rows: int, lines: int, least: int) -> int:
    """How many of a table's rows fit into so many lines, with one that counts those that do not."""
    room = lines - TABLE_LINES
    return max(least, 0, rows if rows <= room else room - 1)


def _workers(health: NetworkHealth) -> RenderableType:
    table = _table(("worker", "left"), ("node", "left"))
    for name in ("cameras", "FPS", "busy", "", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    shown = sorted(health.workers, key=lambda worker: (worker.alive, -worker.busy, worker.number))
    for worker in shown[:MOST_WORKERS]:
        style = "" if worker.alive else "bold red"
        table.add_row(
            Text(f"{worker.number}" if worker.alive else f"{worker.number} is gone", style),
            Text(_plain(worker.node, 24)),
            f"{worker.cameras}",
            f"{worker.frames_per_s:,.0f}",
            f"{worker.busy:.0%}",
            _bar(worker.busy),
            _bytes(worker.rss_bytes),
        )
    if len(shown) > MOST_WORKERS:
        table.add_row(Text(f"and {len(shown) - MOST_WORKERS} more", DIM))
    return table


def _trouble(cameras: Sequence[CameraHealth], now_s: float) -> Table:
    table = _table(("in trouble", "left"), ("state", "left"))
    table.add_column("age", justify="right", no_wrap=True)
    table.add_column("what is wrong", no_wrap=True, overflow="ellipsis", ratio=2)
    for camera in cameras:
        problem = camera.problem or SAID.get(camera.state, "no frames come")
        table.add_row(
            Text(_plain(camera.camera, 40), "bold"),
            _state(camera),
            _seconds(camera.age_s(now_s)),
            Text(_plain(problem, 200)),
        )
    return table


def _table(*columns: tuple[str, str]) -> Table:
    """An open table; its first column takes what room there is."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False, header_style=DIM)
    for number, (name, _) in enumerate(columns):
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=None if number else 1)
    return table


def _facts(facts: Sequence[tuple[str, str]]) -> Text:
    line = Text()
    for value, unit in facts:
        line.append("   " if line else "").append(value, "bold").append(unit, DIM)
    return line


def _shares(health: NetworkHealth, width: int) -> Text:
    """How many cameras are in which state, as a line of the terminal's width; every state that is shows."""
    line, left, cameras = Text(), width, len(health.cameras)
    states = health.states
    for state in sorted(states, key=lambda state: (state == "live", state not in BLIND, state)):
        cells = left if state == "live" else min(left, max(1, round(states[state] / cameras * width)))
        line.append("▔" * cells, STYLES.get(state, "yellow").removeprefix("bold "))
        left -= cells
    return line.append("▔" * left, "grey23")


def _state(camera: CameraHealth) -> Text:
    style = STYLES.get(camera.state, "yellow")
    return Text("● ", style).append(_plain(camera.state, 12), style)


def _urgency(camera: CameraHealth) -> int:
    """Blind ones first: nobody else notices them."""
    return 0 if camera.state in BLIND else 1


def _busiest(camera: CameraHealth) -> tuple[bool, float, str]:
    return camera.state != "live", -(camera.occupancy_rate or 0.0), camera.camera


def _bar(share: float, cells: int = 8) -> Text:
    full = min(cells, max(0, round(share * cells)))
    style = "red" if share > 0.9 else "yellow" if share > 0.7 else "green"
    return Text("━" * full, style).append("━" * (cells - full), "grey23")


def _plain(text: str, most: int) -> str:
    """The text on one line, without control characters, at most so many letters."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} m" if seconds < 5970 else f"{seconds / 3600:.0f} h"


def _percent(share: float) -> str:
    return f"{share * 100:.2f} %"


def _number(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _count(number: int) -> str:
    return f"{number}" if number < 10_000 else f"{number / 1000:.0f}k"


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _behind(health: NetworkHealth) -> str:
    return f" ({health.ranges_behind} behind)" if health.ranges_behind > 1 else ""


def _slope(health: NetworkHealth) -> str:
    slope = health.memory_slope_mb_per_min
    return "" if slope is None else f" {slope:+.1f} MB/min"
