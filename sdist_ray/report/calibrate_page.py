"""The page on which four corners are clicked: one file, for any browser, that sends nothing anywhere."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2

from sdist_ray import __version__
from sdist_ray.report.marks import Image
from sdist_ray.report.parts import write_page

QUALITY = 92


def write_calibrate_page(
    path: Path, camera: str, image: Image, before: str, after: str, tail: str = ""
) -> None:
    """Write the page.

    Args:
        path: of the page, in a folder that exists.
        camera: its id.
        image: what to click on, uint8 (height, width, 3), BGR.
        before: the command line up to the points.
        after: what follows them.
        tail: further lines of the calibration file.

    Raises:
        OSError: it cannot be written.
    """
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    picture = "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode("ascii")
    height, width = image.shape[:2]
    words = {"before": before, "after": after, "tail": tail, "width": width, "height": height}
    write_page("calibrate.html.j2", path, camera=camera, picture=picture, words=words, version=__version__)
