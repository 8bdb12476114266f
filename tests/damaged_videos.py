"""Videos that cameras and disks really leave behind: uneven frame rates, garbage at the end."""

import struct

import cv2
import numpy as np

CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def write_walkers(path, count=40, fps=10.0, size=(160, 120), codec="mp4v"):
    """Two blobs that walk over a noisy floor."""
    width, height = size
    rng = np.random.default_rng(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size)
    for n in range(count):
        image = np.clip(rng.normal(90, 4, (height, width, 1)), 0, 255).astype(np.uint8).repeat(3, axis=2)
        for left in (10 + 3 * n, 30 + 3 * n):
            cv2.rectangle(image, (left, 40), (left + 12, 90), (210, 210, 210), -1)
        writer.write(image)
    writer.release()
    return path


def make_uneven(path):
    """Let the second half of an mp4's frames take three times as long as the first; the same time in all."""
    data = path.read_bytes()
    path.write_bytes(_boxes(data))
    return path


def _boxes(data):
    """The same boxes, with another time table; nothing moves that sample offsets point to."""
    out, at = b"", 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + size]
        if kind == b"moov":
            assert at + size == len(data), "samples would move"
        if kind in CONTAINERS:
            body = _boxes(body)
        elif kind == b"stts":
            _, entries, count, delta = struct.unpack(">IIII", body)
            assert (entries, count % 2, delta % 2) == (1, 0, 0)
            body = struct.pack(">IIIIII", 0, 2, count // 2, delta // 2, count // 2, delta * 3 // 2)
        out += struct.pack(">I4s", len(body) + 8, kind) + body
        at += size
    return out


def end_in_garbage(path, share=0.6):
    """Overwrite the last part of a file with noise."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * share)
    data[start:] = np.random.default_rng(1).integers(0, 256, len(data) - start, dtype=np.uint8).tobytes()
    path.write_bytes(bytes(data))
    return path


def append_garbage(path):
    path.write_bytes(path.read_bytes() + np.random.default_rng(2).bytes(50_000))
    return path
