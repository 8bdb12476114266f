"""JPEG frames to grey images, as small as detection wants them."""

from __future__ import annotations

import simplejpeg

from sdist_ray.video.jpeg_plain import Layouts, decode, head_of
from sdist_ray.video.source import FrameError, Image

MOST_PIXELS = 1 << 26
"""Of an image that is decoded at all: a header of a few bytes may state 4 gigapixels."""
COLOURS = ("YCbCr", "Gray", "RGB")
"""What cameras write; printers' CMYK has no luminance to take."""
_layouts = Layouts()


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) of a JPEG image, pixels, as its header states them.

    Args:
        data: the file; any object with a buffer of bytes will do.

    Raises:
        FrameError: no JPEG, no whole header, printers' colours, or more than 64 megapixels.
    """
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise FrameError(f"not a readable JPEG: {error}") from error
    if colours not in COLOURS:
        raise FrameError(f"a JPEG in {colours}, not one of {', '.join(COLOURS)}")
    if width * height > MOST_PIXELS:
        raise FrameError(f"a JPEG of {width}x{height} pixels, more than {MOST_PIXELS}")
    return width, height


def decode_grey(data: bytes, working_width: int | None = None) -> Image:
    """The luminance of a JPEG image.

    It is not upright where its Exif data says that it was taken on its side: cameras that are mounted do not.

    Args:
        data: the file; any object with a buffer of bytes will do.
        working_width: the image may be smaller than stated, but not narrower than this, pixels: scaling by
            eighths, which is free on the way out of the cosine transform.

    Returns:
        uint8 (height, width), C-contiguous.

    Raises:
        FrameError: not a whole, undamaged JPEG, or one that ``jpeg_size`` refuses.
    """
    whole = data if isinstance(data, bytes) else bytes(data)
    head = head_of(whole)
    layout = _layouts.known(head)
    if layout is not None and (working_width is None or 2 * working_width > layout.width):
        grey = decode(layout, whole, len(head))
        if grey is not None:
            return grey
    width, _ = jpeg_size(data)
    scaled = working_width is not None and 2 * working_width <= width
    try:
        image: Image = simplejpeg.decode_jpeg(
            data, "GRAY", fastdct=True, min_width=working_width if scaled else 0, min_height=int(scaled)
        )
    except ValueError as error:
        raise FrameError(f"a damaged JPEG: {error}") from error
    _layouts.met(head)
    return image.reshape(image.shape[:2])
