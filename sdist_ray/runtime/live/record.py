"""The journal of a live network, which has no end: what nobody can need of it any more is let go."""

from __future__ import annotations

import logging
from pathlib import Path

from sdist_ray.occupancy.block import Rows
from sdist_ray.runtime.journal import Journal
from sdist_ray.runtime.notes import NetworkNote

log = logging.getLogger(__name__)
JOURNAL_BYTES = 32 << 20
"""A journal that is longer is cut, where nobody can need its beginning."""
JOURNAL_RANGES = 60
"""Ranges that stay in it all the same: whoever reads it may be behind."""


class LiveJournal:
    """A journal that is cut whenever it has doubled; one that holds nothing where there is no path."""

    def __init__(self, path: Path | None) -> None:
        self._journal = None if path is None else Journal(path)
        self._cut_at = JOURNAL_BYTES

    def note(self, note: NetworkNote) -> None:
        """Write down how the network is."""
        if self._journal is not None:
            self._journal.note(note.content())

    def close_range(self, index: int, rows: Rows, first: int) -> None:
        """Write a closed range down; those before ``first`` are not needed any more."""
        if self._journal is None:
            return
        self._journal.close_range(index, rows)
        if self._journal.size <= self._cut_at:
            return
        try:
            self._journal.cut(min(first, index - JOURNAL_RANGES))
        except OSError as error:
            log.warning("%s: cannot be cut: %s", self._journal.path, error)
        self._cut_at = max(JOURNAL_BYTES, 2 * self._journal.size)

    def close(self) -> None:
        """Let go of the file."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
