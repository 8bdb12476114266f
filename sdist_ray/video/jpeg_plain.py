"""Plain JPEG files, as nearly all cameras write them, decoded to grey without libjpeg-turbo.

Plain is: sequential, 8 bits, Huffman codes, one scan of luminance (and colours, subsampled or not), no
restart markers. A camera writes the same head before every frame, so what is in it is worked out once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.video.jpeg_kernels import (
    END_OF_BLOCK,
    FIRST_BITS,
    LANES,
    LINK,
    MORE_BITS,
    MOST_BITS,
    decode_scan,
)
from sdist_ray.video.source import Image

_ZIGZAG = np.array(
    sorted(range(64), key=lambda n: (n // 8 + n % 8, (n // 8 if (n // 8 + n % 8) % 2 else n % 8)))
)
"""Row by row places of the coefficients in the file's order."""
_SCALES = np.array([1.0, 1.387039845, 1.306562965, 1.175875602, 1.0, 0.785694958, 0.541196100, 0.275899379])
"""Of the fast cosine transform: sqrt(2) cos(k pi / 16), 1 for k = 0."""
_MOST_BLOCKS = 10
MOST_HEADS = 64
"""That are remembered; with what they say, 40 kB each."""
_START_OF_FRAME, _HUFFMAN, _START_OF_SCAN, _QUANTA, _RESTART = 0xC0, 0xC4, 0xDA, 0xDB, 0xDD
_APPLICATION, _ADOBE, _COMMENT = range(0xE0, 0xF0), 0xEE, 0xFE


@dataclass(frozen=True)
class Layout:
    """What a file's head says of its scan; the arrays are those of jpeg_kernels.decode_scan.

    Attributes:
        width, height: of the image, pixels.
        wide, high: units of blocks across and down.
        luma: rows and columns of a unit's blocks of luminance.
    """

    width: int
    height: int
    wide: int
    high: int
    luma: tuple[int, int]
    codes: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int64]
    places: npt.NDArray[np.int32]


class Layouts:
    """What the heads say that come again and again."""

    def __init__(self) -> None:
        self._once: set[bytes] = set()
        self._layouts: dict[bytes, Layout | None] = {}

    def known(self, head: bytes) -> Layout | None:
        """What a head says, if it came before and is a plain file's."""
        return self._layouts.get(head)

    def met(self, head: bytes) -> None:
        """A file with this head is in good order, says libjpeg-turbo.

        What it says is worked out at the second time: one that changes with every frame is not worth it.
        """
        if head not in self._once:
            if len(self._once) >= MOST_HEADS:
                self._once.clear()
            self._once.add(head)
        elif head not in self._layouts:
            if len(self._layouts) >= MOST_HEADS:
                self._layouts.clear()
            self._layouts[head] = layout_of(head)


def head_of(data: bytes) -> bytes:
    """All that is before a file's scan; empty where no scan is found, or not the file's end."""
    at = data.find(b"\xff\xda")
    if at < 0 or len(data) < at + 4 or not data.endswith(b"\xff\xd9"):
        return b""
    return data[: at + 2 + (data[at + 2] << 8 | data[at + 3])]


def layout_of(head: bytes) -> Layout | None:
    """What a head says; None where it is not that of a plain file, or of one that is in good order."""
    try:
        return _layout(head)
    except (IndexError, KeyError, ValueError, struct.error):
        return None


def decode(layout: Layout, data: bytes, first: int) -> Image | None:
    """The luminance of a file: libjpeg-turbo's with its fast cosine transform, pixel for pixel.

    Args:
        layout: of its head.
        data: the file.
        first: how long its head is.

    Returns:
        uint8 (height, width), C-contiguous; None where the file is not all in good order.
    """
    tall, across = layout.luma
    grey = np.empty((8 * layout.high * tall, 8 * layout.wide * across), np.uint8)
    if not decode_scan(
        np.frombuffer(data, np.uint8), first, len(data) - 2,
        layout.codes, layout.blocks, layout.places, layout.wide, layout.high, layout.luma, grey,
    ):  # fmt: skip
        return None
    return np.ascontiguousarray(grey[: layout.height, : layout.width])


def _layout(head: bytes) -> Layout | None:
    quanta: dict[int, bytes] = {}
    tables: dict[int, list[int]] = {}
    frame = scan = b""
    for marker, part in _parts(head):
        if marker == _QUANTA:
            for at in range(0, len(part), 65):
                if part[at] > 15:
                    # Numbers of 16 bits.
                    return None
                quanta[part[at]] = part[at + 1 : at + 65]
        elif marker == _HUFFMAN:
            while part:
                end = 17 + sum(part[1:17])
                tables[part[0]] = table_of(part[1:17], part[17:end], mean=part[0] < 16)
                part = part[end:]
        elif marker == _START_OF_FRAME:
            frame = part
        elif marker == _START_OF_SCAN:
            scan = part
        elif marker == _ADOBE or not (marker in _APPLICATION or marker == _COMMENT):
            return None
    precision, height, width, colours = struct.unpack(">BHHB", frame[:6])
    shapes = [(n, size >> 4, size & 15, table) for n, size, table in struct.iter_unpack("BBB", frame[6:])]
    if precision != 8 or not height or not width or [shape[0] for shape in shapes] not in ([1], [1, 2, 3]):
        return None
    if scan[0] != len(shapes) or scan[-3:] != b"\x00\x3f\x00" or colours != len(shapes):
        return None
    if colours == 1:
        shapes = [(1, 1, 1, shapes[0][3])]
    across, tall = shapes[0][1:3]
    if any(h > across or v > tall or not h * v for _, h, v, _ in shapes):
        return None
    codes: list[int] = []
    places: dict[int, int] = {}
    blocks = []
    for colour, (name, h, v, _) in enumerate(shapes):
        if scan[1 + 2 * colour] != name:
            return None
        chosen = scan[2 + 2 * colour]
        starts = []
        for key in (chosen >> 4, 16 + (chosen & 15)):
            if key not in places:
                places[key] = len(codes)
                codes += tables[key]
            starts.append(places[key])
        blocks += [(*starts, colour, row, column) for row in range(v) for column in range(h)]
    if len(blocks) > _MOST_BLOCKS:
        return None
    return Layout(
        width, height, -(-width // (8 * across)), -(-height // (8 * tall)), (tall, across),
        np.array(codes, np.int32), np.array(blocks, np.int64), _places(quanta[shapes[0][3]]),
    )  # fmt: skip


def _parts(head: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and what follows them, from the file's start to the scan's.

    Raises:
        ValueError: they do not follow each other without a gap to the head's end.
    """
    at = 2
    while at < len(head):
        escape, marker, length = struct.unpack(">BBH", head[at : at + 4])
        if escape != 255 or length < 2 or at + 2 + length > len(head):
            raise ValueError(f"no marker at {at}")
        yield marker, head[at + 4 : at + 2 + length]
        at += 2 + length


def table_of(counts: bytes, symbols: bytes, mean: bool) -> list[int]:
    """What the next bits of a scan say: entries that are looked up by the next 11 bits.

    An entry is, from the lowest bit on: 5 bits, how many of them a code and its value take; at 8, 8 bits, the
    zeros before the value, 128 at the end of a block; at 16, the value itself. Where 11 bits do not hold all,
    the lowest 5 are 0, and at 16 is the code's length, at 24 the value's. Where they do not hold the code,
    LINK is set, and at 8 is where the entry is that the 5 bits after them choose, one of the second kind.

    Args:
        counts: of codes of 1 to 16 bits.
        symbols: of the codes in their order: zeros before the value and the value's bits, four each.
        mean: of the first coefficients' codes, whose symbols are bits only.

    Raises:
        ValueError: there are more codes than bits can tell apart, or a code and its value are longer than any
            in a file of 8 bits: what decodes them reads no further.
    """
    if len(symbols) != sum(counts):
        raise ValueError("not as many symbols as codes")
    entries = [0] * (1 << FIRST_BITS)
    code, left = 0, iter(symbols)
    for length, count in enumerate(counts, start=1):
        code <<= 1
        for _ in range(count):
            symbol = next(left)
            run, size = (0, symbol) if mean else divmod(symbol, 16)
            if code >= 1 << length or length + size > MOST_BITS:
                raise ValueError(f"code {code} of {length} bits for {symbol}")
            if not mean and size == 0 and run != 15:
                run = END_OF_BLOCK
            _enter(entries, code, length, run, size)
            code += 1
    return entries


def _enter(entries: list[int], code: int, length: int, run: int, size: int) -> None:
    apart = run << 8 | length << 16 | size << 24
    rest = FIRST_BITS - length
    if rest < 0:
        first = code >> -rest
        if not entries[first]:
            entries[first] = LINK | len(entries) << 8
            entries += [0] * (1 << MORE_BITS)
        start = (entries[first] >> 8) + ((code << (MORE_BITS + rest)) & ((1 << MORE_BITS) - 1))
        entries[start : start + (1 << (MORE_BITS + rest))] = [apart] * (1 << (MORE_BITS + rest))
        return
    for behind in range(1 << rest):
        entry = apart
        if size <= rest:
            value = behind >> (rest - size)
            if size and value < 1 << (size - 1):
                value -= (1 << size) - 1
            entry = length + size | run << 8 | value << 16
        entries[code << rest | behind] = entry


def _places(quanta: bytes) -> npt.NDArray[np.int32]:
    """Where coefficients go, and what they are multiplied by, see jpeg_kernels.decode_scan."""
    scales = np.rint(np.outer(_SCALES, _SCALES) * (1 << 14)).astype(np.int64).reshape(-1)[_ZIGZAG]
    factors = (np.frombuffer(quanta, np.uint8, 64) * scales + (1 << 11)) >> 12
    places: npt.NDArray[np.int32] = (_ZIGZAG * LANES << 16 | factors).astype(np.int32)
    return places
