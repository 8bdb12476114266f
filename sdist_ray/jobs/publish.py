"""Results that are published again and again while a network runs: a reader never sees half of one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sdist_ray.errors import InputError

KEPT = 3
"""Publications that stay: who has begun to read one can read on."""
LATEST = "latest"


class Publisher:
    """Publishes folders: ``published/N``, of which the newest is always ``latest``.

    Who reads several files of one follows the link once, and reads them from where it leads.

    Args:
        folder: the run's; what one that was killed left half written there is taken away.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all = folder / "published"
        self._number = max(self._numbers(), default=0)
        for stale in self._all.glob(".partial-*"):
            shutil.rmtree(stale, ignore_errors=True)

    def _numbers(self) -> list[int]:
        found = self._all.iterdir() if self._all.is_dir() else []
        return sorted(int(path.name) for path in found if path.name.isdigit())

    def publish(self, write: Callable[[Path], None]) -> Path:
        """Have ``write`` fill a folder, then make that the latest.

        Raises:
            InputError: the disk is full, or the folder cannot be written to.
        """
        self._number += 1
        partial, whole = self._all / f".partial-{self._number}", self._all / str(self._number)
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            write(partial)
            os.replace(partial, whole)
            link = self._folder / f".{LATEST}"
            link.unlink(missing_ok=True)
            link.symlink_to(whole.relative_to(self._folder), target_is_directory=True)
            os.replace(link, self._folder / LATEST)
        except OSError as error:
            raise InputError(f"{whole}: cannot be written: {error.strerror or error}") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        for number in self._numbers()[:-KEPT]:
            shutil.rmtree(self._all / str(number), ignore_errors=True)
        return whole
