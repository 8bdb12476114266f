"""The graph of cameras as inline SVG: who is related to whom, at a glance."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

from sdist_ray.report.arrange import layout
from sdist_ray.report.colours import palette_colour
from sdist_ray.report.network import components, edge_weights, most_linked, shorten
from sdist_ray.report.run_folder import Run

Floats = npt.NDArray[np.float64]

MOST_NODES = 400
MOST_LABELS = 80
WIDTH = 960.0
MOST_EDGES = 3000
MARGIN = 56.0


def draw_graph(run: Run) -> Markup:
    """The camera graph as an SVG element, safe to put in a page: ids in it are escaped.

    A node's colour is its component's, an edge's width grows with its number of links, dashed edges are
    walked rather than seen. Cameras without edges are not drawn; beyond ``MOST_NODES`` those with the
    fewest links are left out.
    """
    component = components(run)
    chosen = most_linked(run, MOST_NODES)
    chosen = chosen[component[chosen] >= 0]
    if not len(chosen):
        return Markup("")
    position, height = _fit(edge_weights(run, chosen), component[chosen])
    place = dict(zip(chosen.tolist(), position.tolist(), strict=True))
    radius = max(4.0, min(13.0, 70 / math.sqrt(len(chosen))))
    # Most links first: of a great many, those that are left out would be hidden by the others.
    parts = [_edge(run, edge, place, component) for edge in range(min(len(run.edges.links), MOST_EDGES))]
    for camera, (x, y) in place.items():
        name, colour = run.cameras[camera].id, palette_colour(int(component[camera]))
        parts.append(_node(name, x, y, radius, colour, len(chosen) <= MOST_LABELS))
    head = Markup('<svg class="graph" viewBox="0 0 {} {}" role="img" aria-label="Graph of cameras">')
    return head.format(round(WIDTH), round(height)) + Markup("").join(parts) + Markup("</svg>")


def _fit(weights: Floats, component: npt.NDArray[np.int64]) -> tuple[Floats, float]:
    """Positions on a canvas of the usual width, and its height.

    Each component is laid out by itself, lying down, and set on shelves, the largest first: laid out
    together, components would leave the picture mostly empty.

    Args:
        weights: (nodes, nodes).
        component: (nodes,), 0 is the largest.
    """
    position = np.zeros((len(weights), 2))
    sizes = []
    for number in np.unique(component):
        of = component == number
        part = layout(weights[np.ix_(of, of)])
        part = part - part.mean(axis=0)
        if len(part) > 1:  # Of a component whose other cameras are left out there may be one.
            part = part @ np.linalg.svd(part, full_matrices=False)[2].T
        position[of] = part - part.min(axis=0)
        sizes.append((number, np.ptp(part, axis=0)))
    shelf = max(max(size[0] for _, size in sizes), 1.6 * sum((s + 1).prod() for _, s in sizes) ** 0.5)
    x = y = deep = 0.0
    for number, size in sizes:
        if x and x + size[0] > shelf:
            x, y, deep = 0.0, y + deep + 1.0, 0.0
        position[component == number] += [x, y]
        x, deep = x + size[0] + 1.0, max(deep, size[1])
    extent = np.ptp(position, axis=0)
    room = WIDTH - 2 * MARGIN
    # Few cameras need no large picture, and a wide graph is not stretched to be high.
    scale = min(room / max(extent[0], 1e-9), 130.0, 460.0 / max(extent[1], 1e-9))
    shift = [(WIDTH - extent[0] * scale) / 2, MARGIN - 16]
    return (position - position.min(axis=0)) * scale + shift, float(extent[1] * scale) + 2 * MARGIN - 16


def _edge(run: Run, edge: int, place: dict[int, list[float]], component: npt.NDArray[np.int64]) -> Markup:
    a, b = int(run.edges.camera_a[edge]), int(run.edges.camera_b[edge])
    if a not in place or b not in place:
        return Markup("")
    links, most = int(run.edges.links[edge]), max(int(run.edges.links.max()), 1)
    transit = bool(run.edges.transit[edge])
    title = f"{run.cameras[a].id} – {run.cameras[b].id}: {'transit' if transit else f'{links} links'}"
    line = Markup(
        '<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-width="{:.1f}"'
        ' stroke-opacity="0.5" stroke-linecap="round"{}><title>{}</title></line>'
    )
    width = 1.6 + 7.0 * math.sqrt(links / most)
    dash = Markup(' stroke-dasharray="2 6"') if transit else ""
    colour = palette_colour(int(component[a]))
    return line.format(*place[a], *place[b], colour, 2.4 if transit else width, dash, title)


def _node(name: str, x: float, y: float, radius: float, colour: str, labelled: bool) -> Markup:
    circle = Markup(
        '<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}" fill="{}" stroke="#fff" stroke-width="2">'
        "<title>{}</title></circle>"
    ).format(x, y, radius, colour, name)
    if not labelled:
        return circle
    label = Markup(
        '<text x="{:.1f}" y="{:.1f}" text-anchor="middle" font-size="13" fill="{}"'
        ' paint-order="stroke" stroke="#fff" stroke-width="4" stroke-linejoin="round">{}</text>'
    ).format(x, y + radius + 15, "#1b2430", escape(shorten(name, 18)))
    return circle + label
