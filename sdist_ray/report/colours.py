"""Colours that tell components and pairs of cameras apart."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import numpy.typing as npt

INK = "#1b2430"
MUTED = "#7b8794"
FAINT = "#e3e7ec"
GROUND = "#f4f6f8"

PALETTE = (
    "#2f6fde", "#e4572e", "#17a398", "#b5449a", "#e0a100", "#6a4fd0",
    "#3a9d3f", "#d7265e", "#0f9bd7", "#a0622d", "#7d9b16", "#5d6b7a",
)  # fmt: skip


def palette_colour(number: int) -> str:
    """The colour of thing ``number``, #rrggbb; hues go on past the palette, never quite repeating."""
    if number < len(PALETTE):
        return PALETTE[number]
    hue = (0.09 + 0.618034 * number) % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.42 + 0.12 * (number % 2), 0.58)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def pair_colours(camera_a: npt.NDArray[np.int64], camera_b: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """A colour for every edge, such that edges that meet at a camera differ while the palette lasts.

    Args:
        camera_a, camera_b: (edges,), strongest first: these get the first choice.
    """
    taken: dict[int, list[int]] = {}
    used = [0] * len(PALETTE)
    colours = []
    for a, b in zip(camera_a.tolist(), camera_b.tolist(), strict=True):
        near = taken.setdefault(a, []) + taken.setdefault(b, [])
        choice = min(range(len(PALETTE)), key=lambda c: (near.count(c), used[c], c))
        used[choice] += 1
        taken[a].append(choice)
        taken[b].append(choice)
        colours.append(PALETTE[choice])
    return tuple(colours)


def heat(occupied: npt.NDArray[np.int64], columns: int, most: float) -> npt.NDArray[np.uint8]:
    """Occupancy as a picture of one pixel per window.

    Args:
        occupied: (windows,), ticks.
        columns: of the grid.
        most: the ticks that get the full colour; the root of the share is shown, so that quiet windows show.

    Returns:
        uint8 (rows, columns, 3), red first; windows never occupied have the ground's colour.
    """
    share = np.sqrt(np.clip(occupied / max(most, 1.0), 0.0, 1.0)).reshape(-1, columns)
    stops = np.array([0.0, 0.25, 0.6, 1.0])
    ramp = np.array([[238, 241, 245], [190, 215, 238], [74, 140, 205], [16, 60, 120]], np.float64)
    channels = [np.interp(share, stops, ramp[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=2).round().astype(np.uint8)


def quieten(image: npt.NDArray[np.uint8], saturation: float, light: float) -> npt.NDArray[np.uint8]:
    """A photograph as a ground to draw on: less colour, nearer to white.

    Args:
        image: uint8 (height, width, 3).
        saturation: share of the colour kept, 0 to 1.
        light: share of white mixed in, 0 to 1.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    mixed = grey + saturation * (image.astype(np.float32) - grey)
    return (mixed * (1 - light) + 255 * light).clip(0, 255).astype(np.uint8)
