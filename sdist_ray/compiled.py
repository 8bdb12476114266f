"""Where compiled kernels are kept from one process to the next.

Numba keeps them beside the source, or else in the user's cache folder. Where root has installed the package
and somebody without a home runs it (a service, a container of any user id), there is neither, and Numba
raises where a kernel is declared.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sdist_ray.private import can_make, private_folder

SETTING = "NUMBA_CACHE_DIR"


def keep_compiled_code() -> None:
    """Have Numba keep what it compiles in a folder for temporary files, where it finds no other place."""
    if SETTING in os.environ or has_a_place(Path(__file__).parent, os.environ):
        return
    try:
        place = str(private_folder() / "compiled")
    except OSError:
        # What is there is loaded and run. If others could write to it, each process compiles for itself.
        try:
            place = tempfile.mkdtemp(prefix="sdist-ray-")
        except OSError:
            # Numba will say so, where a kernel is declared; nothing else needs it.
            return
    # Inherited by every process that this one starts.
    os.environ[SETTING] = place
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = place


def has_a_place(package: Path, environment: Mapping[str, str]) -> bool:
    """Whether Numba can write beside a package's modules, or to the cache folder of this user."""
    cache = Path(environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    # Kernels are in the folders of the package, which are all of one owner.
    return can_make(package / "occupancy" / "__pycache__") or can_make(cache / "numba")
