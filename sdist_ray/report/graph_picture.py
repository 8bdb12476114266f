"""The graph of cameras as inline SVG."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup, escape

from sdist_ray.report.arrange import layout
from sdist_ray.report.colours import palette_colour
from sdist_ray.report.run_folder import Run
from sdist_ray.report.topology_picture import components, edge_weights, shorten

WIDTH, HEIGHT, MARGIN = 900.0, 560.0, 48.0


def graph_svg(run: Run) -> Markup:
    """One circle per camera in the colour of its component; a line's width tells its links."""
    count = len(run.cameras)
    everyone = np.arange(count)
    place = layout(edge_weights(run, everyone)) if count else np.empty((0, 2))
    low, span = place.min(axis=0, initial=0), np.ptp(place, axis=0) if count else np.ones(2)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    points = MARGIN + (place - low) / np.maximum(span, 1e-9) * room
    points[:, span < 1e-9] = (np.array([WIDTH, HEIGHT]) / 2)[span < 1e-9]
    colours = [palette_colour(int(number)) for number in components(run)]
    radius = float(np.clip(90 / np.sqrt(max(count, 1)), 5, 20))
    most = float(run.edges.links.max(initial=1))
    parts = [f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="camera graph">']
    for a, b, links in zip(run.edges.camera_a, run.edges.camera_b, run.edges.links, strict=True):
        (x1, y1), (x2, y2) = points[a], points[b]
        label = escape(f"{run.cameras[a].id} – {run.cameras[b].id}: {links} links")
        parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colours[a]}" stroke-opacity="0.55" '
            f'stroke-width="{1 + 9 * np.sqrt(links / most):.1f}"><title>{label}</title></line>'
        )
    for camera, (x, y), colour in zip(run.cameras, points, colours, strict=True):
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" stroke="#fff" '
            f'stroke-width="2"><title>{escape(camera.id)}</title></circle>'
        )
        if count <= 60:
            parts.append(
                f'<text x="{x:.1f}" y="{y + radius + 14:.1f}" text-anchor="middle" '
                f'font-size="13">{escape(shorten(camera.id, 16))}</text>'
            )
    return Markup("".join([*parts, "</svg>"]))
