"""One picture per camera, kept in the run's folder under a name that any file system takes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import numpy.typing as npt

FOLDER = "snapshots"
JPEG_QUALITY = 88
LONGEST_NAME = 200
"""Bytes; file systems take 255, and a file written aside has a longer name."""


def file_name(camera_id: str) -> str:
    """A camera's id as the name of a file, without a suffix.

    The id is percent-quoted, with nothing left to mean a folder. One too long for a file name is cut and told
    apart by its digest.
    """
    name = quote(camera_id, safe="", errors="surrogatepass")
    if len(name) > LONGEST_NAME:
        digest = hashlib.sha256(camera_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = f"{name[: LONGEST_NAME - 17]}~{digest}"
    return name


def snapshot_path(folder: Path, camera_id: str) -> Path:
    """Where a camera's snapshot lies: ``folder/snapshots/<quoted id>.jpg``; see file_name.

    Args:
        folder: the run's folder.
        camera_id: any text.
    """
    return folder / FOLDER / f"{file_name(camera_id)}.jpg"


def write_snapshot(folder: Path, camera_id: str, image_bgr: npt.NDArray[np.uint8]) -> Path:
    """Write a camera's picture, aside and then into place.

    Args:
        folder: the run's folder; ``snapshots/`` is made in it.
        camera_id: any text.
        image_bgr: uint8 (height, width, 3), blue first, or (height, width) grey.

    Returns:
        The path written.

    Raises:
        ValueError: the image is empty or not of that shape and type.
    """
    if image_bgr.dtype != np.uint8 or image_bgr.ndim not in (2, 3) or image_bgr.size == 0:
        raise ValueError(f"a snapshot is uint8 (height, width[, 3]), got {image_bgr.dtype} {image_bgr.shape}")
    path = snapshot_path(folder, camera_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    write_aside(path, data.tobytes())
    return path


def read_snapshot(folder: Path, camera_id: str) -> npt.NDArray[np.uint8] | None:
    """A camera's picture, uint8 (height, width, 3), red first; None when there is none to read.

    A missing, unreadable or damaged picture is no reason to end a report.
    """
    try:
        data = np.frombuffer(snapshot_path(folder, camera_id).read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        return None
    if image is None:
        return None
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def write_aside(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it: a reader sees the old file or the new, whole.

    Args:
        path: in a folder that exists.
        data: the file's content.
    """
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".aside-", suffix=path.suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp gives 0600; a report is made to be read by others, as the process's umask allows.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(aside, 0o666 & ~mask)
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
