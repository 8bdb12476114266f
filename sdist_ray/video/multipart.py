"""The images in a multipart/x-mixed-replace body, as cameras really send it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
MOST_BYTES = 16 << 20
"""An image; no camera's is bigger."""
MOST_HEADER_BYTES = 16 << 10
_LENGTH = re.compile(rb"^content-length\s*:\s*(\d{1,12})\s*$", re.IGNORECASE | re.MULTILINE)
_STAMP = re.compile(rb"^x-timestamp\s*:\s*(\d{1,12}(?:\.\d{1,9})?)\s*$", re.IGNORECASE | re.MULTILINE)
_BLANK = re.compile(rb"\r?\n\r?\n")


class NoImages(Exception):
    """So much came without an image in it that none will."""


def boundary_of(content_type: str) -> bytes:
    """What stands between the parts, as its Content-Type says: without quotes and leading dashes.

    Some cameras count the dashes that every boundary line begins with as part of it, some do not. Empty
    where nothing is said.
    """
    message = Message()
    message["content-type"] = content_type
    return (message.get_boundary() or "").strip("\"' ").lstrip("-").encode("latin-1", "replace")


class Multipart:
    """Cuts images out of what a connection gives.

    A part is as long as its Content-Length says where what follows is a boundary again; else it ends at the
    next boundary. What is no JPEG image is skipped. After garbage, the next boundary is looked for.

    Args:
        boundary: from ``boundary_of``.
    """

    def __init__(self, boundary: bytes) -> None:
        # With no boundary stated, a line of dashes and a word is taken for one.
        name = re.escape(boundary) if boundary else rb"[\w.:-]{1,70}"
        self._line = re.compile(rb"-{1,8}" + name + rb"-{0,2}[ \t]*\r?\n")
        self._data = bytearray()
        self._seen = 0
        self._since_image = 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, float | None]]:
        """Images that are complete now, each with its X-Timestamp, seconds, where it has one.

        Raises:
            NoImages: more than 16 MB came since the last image.
        """
        self._data += data
        self._since_image += len(data)
        while (part := self._next()) is not None:
            header, body = part
            image = whole_image(body)
            if image is not None:
                self._since_image = 0
                stamp = _STAMP.search(header)
                yield image, float(stamp[1]) if stamp else None
        if self._since_image > MOST_BYTES:
            raise NoImages

    def _next(self) -> tuple[bytes, bytes] | None:
        """The next part's header and body, taken out; None where more data is needed."""
        data = self._data
        line = self._line.search(data)
        if line is None:
            # A boundary may be cut in the middle.
            del data[: max(0, len(data) - 256)]
            self._seen = 0
            return None
        blank = _BLANK.search(data, line.end() - 2, line.end() + MOST_HEADER_BYTES)
        if blank is None:
            if len(data) > line.end() + MOST_HEADER_BYTES:
                del data[: line.end()]
                self._seen = 0
            return None
        header, start = bytes(data[line.end() : blank.start() + 2]), blank.end()
        stated = _LENGTH.search(header)
        end = start + int(stated[1]) if stated else -1
        if start <= end <= start + MOST_BYTES:
            if len(data) < end + 4:
                # It may have been a lie: an early boundary ends the part as well, below.
                if len(data) < end:
                    return None
                if data[end - 2 : end] == JPEG_END:
                    return self._cut(header, start, end)
                return None
            if data[end : end + 4].lstrip(b"\r\n").startswith(b"-"):
                return self._cut(header, start, end)
        following = self._line.search(data, max(start, self._seen - 256))
        if following is None:
            # Most cameras send an image in one piece: it need not wait for the next one's boundary.
            if stated is None and data[-8:].rstrip(b"\r\n").endswith(JPEG_END) and len(data) > start + 4:
                return self._cut(header, start, len(data))
            self._seen = len(data)
            return None
        return self._cut(header, start, following.start())

    def _cut(self, header: bytes, start: int, end: int) -> tuple[bytes, bytes]:
        body = bytes(self._data[start:end])
        del self._data[:end]
        self._seen = 0
        return header, body


def whole_image(body: bytes) -> bytes | None:
    """A part's JPEG image, without what stands after it; None where it is none, or not whole."""
    end = body.rfind(JPEG_END)
    return body[: end + 2] if body.startswith(JPEG_START) and end > 0 else None
