"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

SECONDS_BETWEEN_LINES = 5.0


class Update(Protocol):
    """Tells how much is done, of how much."""

    def __call__(self, done: float, total: float | None = None) -> None:
        """Take note."""
        ...


def say(text: str) -> None:
    """One plain line for the user."""
    print(text, file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, its columns as wide as what is in them."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


@contextmanager
def progress(title: str, total: float | None, unit: str) -> Iterator[Update]:
    """Show progress of ``title`` while the block runs."""
    if sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(title, total=total)

            def update(done: float, total: float | None = None) -> None:
                bar.update(task, completed=done, total=total)

            yield update
        return
    start = last = time.monotonic()

    def line(done: float, total: float | None = None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            of = f" of {total:.0f}" if total else ""
            say(f"{title}: {done:.0f}{of} {unit}, {now - start:.0f} s")

    yield line
    say(f"{title}: done in {time.monotonic() - start:.1f} s")
