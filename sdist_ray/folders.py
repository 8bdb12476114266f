"""The folder of a run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from sdist_ray.errors import InputError

_made: list[Path] = []


def make_folder(path: str) -> Path:
    """The run's folder, made if need be.

    Raises:
        InputError: it cannot be made, or is a file.
    """
    folder = Path(path)
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {folder}: {error.strerror or error}") from error
    _made.extend(new)
    return folder


def leave_nothing_empty() -> None:
    """Remove the folders that were made for a command which then put nothing into them."""
    for place in _made:
        with suppress(OSError):
            place.rmdir()
    _made.clear()
