"""Which ground a camera is measured on."""

from __future__ import annotations

from sdist_ray.cameras.camera import Camera
from sdist_ray.cameras.perspective import TYPICAL_VIEW_DEG, Perspective
from sdist_ray.distancing.ground import Ground, PerspectiveGround, PixelGround, PlaneGround
from sdist_ray.errors import InputError

METHODS = ("auto", "pixel", "perspective", "homography", "pinhole")


def ground_of(camera: Camera, method: str, image_size: tuple[int, int]) -> Ground:
    """A camera's ground.

    Args:
        camera: with what is known of it.
        method: one of METHODS; "auto" takes the camera's own.
        image_size: (width, height) of its images, pixels.

    Raises:
        InputError: the camera is not calibrated for the method, or for images of another size, or sees no
            ground.
    """
    kind = camera.kind or type(camera.calibration).__name__.lower()
    if method == "auto" and camera.kind in ("pixel", "perspective"):
        method = camera.kind
    if method == "pixel":
        return PixelGround(image_size)
    if method == "perspective":
        return PerspectiveGround(image_size, camera.perspective or Perspective.of_view(TYPICAL_VIEW_DEG))
    if camera.calibration is None or method not in ("auto", kind):
        wanted = "calibration" if method == "auto" else f"{method} calibration"
        raise InputError(
            f"camera {camera.id!r} has no {wanted}, so it cannot measure metres: make one with "
            "'sdist-ray cameras calibrate' and name it in cameras=cameras.yaml, or say "
            "distancing.method=perspective (rough metres, from body heights) or distancing.method=pixel"
        )
    if camera.calibration.image_size != image_size:
        (width, height), (own_width, own_height) = camera.calibration.image_size, image_size
        raise InputError(
            f"camera {camera.id!r} is calibrated for images of {width}x{height} pixels, "
            f"but its images have {own_width}x{own_height}"
        )
    ground = PlaneGround(camera.calibration, kind)
    if len(ground.view) < 3:
        raise InputError(f"camera {camera.id!r} sees no ground, as it is calibrated: check its points")
    return ground
