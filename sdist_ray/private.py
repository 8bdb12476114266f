"""What one user can write to, and others cannot."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def private_folder() -> Path:
    """This user's folder among those for temporary files, always the same; nobody else may write there.

    Raises:
        OSError: there is no such place.
    """
    folder = Path(tempfile.gettempdir()) / f"sdist-ray-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "belongs to someone else, or is open to others", str(folder))
    return folder


def can_make(folder: Path) -> bool:
    """Whether this process can write into a folder, which need not be there yet."""
    # Of a user whom nobody knows the home remains "~", in whatever folder this is.
    if not folder.is_absolute():
        return False
    # Of a folder that is closed to this user nobody can say; Path.exists would raise that.
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))
    return os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)
