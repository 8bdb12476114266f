"""overlaps.json: of every camera, which others may show the same target at once, and which cannot."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sdist_ray.jobs.outputs import write_json
from sdist_ray.topology.graph import Edges

MOST_CAMERAS = 500
"""Beyond that conflicts, which are nearly all pairs, are left out: whoever is not in ``overlap`` is one."""


def write_overlaps(folder: Path, edges: Edges, watched: Collection[str]) -> None:
    """overlaps.json of a topology run.

    Args:
        folder: the run's.
        edges: between cameras that overlap.
        watched: ids of cameras that have seen anybody.
    """
    write_json(folder / "overlaps.json", overlap_lists(edges, watched))


def overlap_lists(edges: Edges, watched: Collection[str]) -> dict[str, Any]:
    """Who overlaps with whom, most links first, and who conflicts.

    Of cameras that nobody was ever seen by nothing is known: they are in no list.
    """
    beside: list[list[tuple[int, int]]] = [[] for _ in edges.cameras]
    for edge, (a, b) in enumerate(zip(edges.camera_a.tolist(), edges.camera_b.tolist(), strict=True)):
        beside[a].append((b, edge))
        beside[b].append((a, edge))
    known = [camera for camera in edges.cameras if camera in watched]
    cameras = []
    for number, camera in enumerate(edges.cameras):
        rows = sorted(beside[number], key=lambda row: (-int(edges.links[row[1]]), row[0]))
        near = {edges.cameras[other] for other, _ in rows} | {camera}
        overlap = [
            {
                "id": edges.cameras[other],
                "links": int(edges.links[edge]),
                "score": round(float(edges.score[edge]), 4),
            }
            for other, edge in rows
        ]
        conflict = None
        if len(edges.cameras) <= MOST_CAMERAS:
            conflict = [other for other in known if other not in near] if camera in watched else []
        cameras.append({"id": camera, "overlap": overlap, "conflict": conflict})
    return {"cameras": cameras}
