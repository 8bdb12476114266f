"""sdist-ray cameras calibrate: four points of an image and their lengths to a calibration file."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from sdist_ray.cameras.calibrated import rectangle
from sdist_ray.cameras.calibration import Points
from sdist_ray.cameras.camera import Camera, without_credentials
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.measured import (
    crossing_order,
    fault_of_lens,
    metres_per_px,
    mirrored,
    read_image_points,
    read_lengths,
    read_measured,
)
from sdist_ray.cameras.values import read_yaml
from sdist_ray.distancing.ground import ground_view
from sdist_ray.errors import InputError
from sdist_ray.jobs.console import say
from sdist_ray.jobs.outputs import write_text, write_whole
from sdist_ray.report.calibrate_page import write_calibrate_page
from sdist_ray.report.calibration_picture import draw_calibration
from sdist_ray.settings_cameras import CalibrateJob
from sdist_ray.video.files import find_cameras, open_source
from sdist_ray.video.source import FrameError, Image


def run(settings: CalibrateJob, config: str) -> None:
    """Write a calibration and its preview; without points, the page on which to click them."""
    (camera, *others) = find_cameras([settings.image or ""])
    if others:
        raise InputError(f"{settings.image}: {1 + len(others)} cameras, and one is calibrated at a time")
    output = _output(settings.output, camera)
    image = _still(camera, settings.frame)
    if settings.points is None:
        _offer_page(settings, camera, image, output)
    else:
        _calibrate(settings, camera, image, output)


def _calibrate(settings: CalibrateJob, camera: Camera, image: Image, output: Path) -> None:
    height, width = image.shape[:2]
    points = read_image_points(settings.points, (width, height))
    if settings.lengths_m is not None:
        lengths = read_lengths(settings.lengths_m)
        order = crossing_order(points)
        if order is not None:
            raise InputError(
                f"points cross over: go around the rectangle corner by corner, as in the order {order}"
            )
        ground = rectangle(lengths, points)
        measured: dict[str, Any] = {"lengths_m": list(lengths)}
    else:
        ground = read_measured(settings.ground_points, len(points))
        measured = {"ground_points": ground.tolist()}
    homography = Homography.from_points(points, ground, (width, height), settings.focal_px)
    if len(ground_view(homography)) < 3:
        raise InputError(
            "with these points the camera sees no ground below it: check their order and lengths"
        )
    for warning in _warnings(homography, points, ground, settings.focal_px):
        say(f"warning: {warning}")
    content = {
        "kind": "homography",
        "image_size": [width, height],
        "image_points": points.tolist(),
        **measured,
    }
    if settings.focal_px is not None:
        content["focal_px"] = settings.focal_px
    preview = output.with_suffix(".calibration.png")
    picture = cv2.imencode(".png", draw_calibration(image, homography, points, ground))[1].tobytes()
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110)
    write_whole(preview, lambda partial: _write(partial, picture))
    write_text(output, text)
    _tell(homography, points, ground)
    print(f"calibration: {output}")
    print(f"preview: {preview}")
    print("for cameras.yaml, if it is in the same folder:")
    print(f"- id: {_quoted(camera.id)}\n  calibration: {_quoted(output.name)}")


def _warnings(homography: Homography, points: Points, ground: Points, focal_px: float | None) -> list[str]:
    warnings = []
    fault = fault_of_lens(homography, points, ground, focal_px)
    if fault is not None:
        warnings.append(fault)
    if mirrored(points, ground):
        warnings.append(
            "ground_points are a mirror image of the ground (x and y exchanged?): distances are right, "
            "the view from above is not"
        )
    return warnings


def _tell(homography: Homography, points: Points, ground: Points) -> None:
    """What the calibration says about the camera."""
    if len(points) > 4:
        off_px = np.linalg.norm(homography.to_image(ground) - points, axis=1)
        off_m = np.linalg.norm(homography.to_ground(points) - ground, axis=1)
        worst = int(np.argmax(off_px))
        mean_px = math.sqrt(float((off_px**2).mean()))
        print(
            f"residuals: {mean_px:.1f} px ({_length(float(off_m.mean()))} on the ground) on average, "
            f"{off_px[worst]:.1f} px ({_length(float(off_m[worst]))}) at point {worst + 1}"
        )
    near, far = metres_per_px(homography, points)
    print(f"a pixel is {_length(near)} at the nearest of the points, {_length(far)} at the farthest")
    camera = homography.camera
    if homography.focal_px is not None and camera is not None:
        view = 2 * math.degrees(math.atan(homography.image_size[0] / 2 / homography.focal_px))
        print(
            f"lens: focal length {homography.focal_px:.0f} px, a view of {view:.0f} degrees; "
            f"camera {camera[2]:.2f} m above the ground"
        )


def _offer_page(settings: CalibrateJob, camera: Camera, image: Image, output: Path) -> None:
    page = output.with_suffix(".calibrate.html")
    words = ["sdist-ray", "cameras", "calibrate", shlex.quote(settings.image or "")]
    tail = [f"output={shlex.quote(str(output))}"]
    if settings.frame:
        tail.append(f"frame={settings.frame}")
    if settings.focal_px is not None:
        tail.append(f"focal_px={settings.focal_px:g}")
    more = "" if settings.focal_px is None else f"focal_px: {settings.focal_px:g}\n"
    before, after = " ".join(words), " ".join(tail)
    write_whole(page, lambda partial: write_calibrate_page(partial, camera.id, image, before, after, more))
    print(f"page: {page}")
    print(
        "Open it in a browser, click the four corners of a rectangle on the ground, type its two lengths, and"
    )
    print("run the command that it shows. Nothing is uploaded. Or give the corners here:")
    print(f"{before} 'points=[[x,y],[x,y],[x,y],[x,y]]' 'lengths_m=[7,10]' {after}")


def _output(asked: str | None, camera: Camera) -> Path:
    """Where the calibration goes; refuses to write over what is no calibration."""
    url = Path(camera.url or "")
    beside = url.parent if url.exists() and not str(url).startswith("/dev/") else Path()
    output = Path(asked) if asked else beside / f"{camera.id}.yaml"
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(f"output={output}: a name that ends in .yaml would be right")
    if not output.parent.is_dir():
        raise InputError(f"output={output}: there is no folder {output.parent}")
    if output.is_dir():
        raise InputError(f"output={output}: a folder")
    if output.exists():
        content = read_yaml(output)
        if content and not (isinstance(content, Mapping) and content.get("kind") == "homography"):
            raise InputError(f"output={output}: exists and is no homography; give another name")
    return output


def _still(camera: Camera, number: int) -> Image:
    """One frame of a source."""
    with open_source(camera) as source:
        for read in range(number + 1):
            if source.grab() is None:
                shown = without_credentials(camera.url or camera.id)
                raise InputError(f"{shown}: has {read} frames, so there is no frame={number}")
        try:
            return source.decode()
        except FrameError as error:
            raise InputError(f"frame={number} cannot be decoded: {error}") from error


def _length(metres: float) -> str:
    return f"{metres * 100:.2g} cm" if metres < 1 else f"{metres:.2f} m"


def _quoted(text: str) -> str:
    """As a YAML value on one line."""
    return yaml.safe_dump(text, width=10_000, allow_unicode=True).splitlines()[0]


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
