"""A process that feeds one reader with damaged files until it is ended.

Writes a line for every input to the file descriptor that it is given: ``s`` and the input's number before it,
``a`` (accepted), ``r`` (refused) or ``c`` and what happened, as JSON, after it. An input follows from the
reader's name, the seed and its number alone.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import pyarrow as pa

from benchmarks.fuzzing import images, runs, tables, texts
from sdist_ray.errors import InputError
from sdist_ray.runtime.snapshots import SnapshotRefused
from sdist_ray.video.multipart import NoImages
from sdist_ray.video.source import FrameError

READERS = {
    "recordings": tables.recordings,
    "smart cameras' records": tables.records,
    "snapshots": tables.snapshots,
    "cameras.yaml": texts.cameras,
    "calibrations": texts.calibrations,
    "Darknet files": texts.darknet,
    "ONNX files": images.models,
    "models, by their engines": images.engines,
    "lists of groups": texts.groups,
    "JPEG": images.jpegs,
    "MJPEG over HTTP": images.multiparts,
    "videos and pictures": images.videos,
    "run folders, served": runs.runs,
}
REFUSALS: dict[str, tuple[type[Exception], ...]] = {
    # What SocketRecords turns into a lost camera, and whoever restores a shard into a refused snapshot.
    "smart cameras' records": (pa.ArrowException, ValueError, EOFError),
    "snapshots": (SnapshotRefused, ValueError),
    "JPEG": (FrameError,),
    "MJPEG over HTTP": (NoImages,),
    "videos and pictures": (FrameError,),
}
MEMORY_BYTES = 3 << 30


def work(name: str, seed: str, first: int, last: int, report: int) -> None:
    """Feed inputs from ``first`` to ``last`` to the reader of a name."""
    warnings.simplefilter("ignore")
    refusals = (InputError, *REFUSALS.get(name, ()))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        read = READERS[name](Path(place))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
        for number in range(first, last):
            os.write(report, b"s%d\n" % number)
            rng = random.Random(f"{name} {seed} {number}")
            try:
                read(rng)
            except refusals:
                os.write(report, b"r\n")
            except Exception as error:
                os.write(report, b"c" + json.dumps(_told(error)).encode() + b"\n")
            else:
                os.write(report, b"a\n")


def _told(error: Exception) -> dict[str, str]:
    """What happened, and where: crashes at one place are one."""
    frames = traceback.extract_tb(error.__traceback__)
    root = str(Path(__file__).parents[2])
    ours = [one for one in frames if one.filename.startswith(root) and "/fuzzing/" not in one.filename]
    last = (ours or frames)[-1]
    where = f"{last.filename.removeprefix(root + '/')}:{last.name}"
    return {"error": type(error).__name__, "where": where, "message": str(error)[:300],
            "trace": "".join(traceback.format_exception(error))[-3000:]}  # fmt: skip


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
