"""Where a target that left a camera's view is seen next, over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from sdist_ray.errors import InputError
from sdist_ray.serve.answers import Problem
from sdist_ray.serve.watcher import Watcher

MOST_S = 86_400
Window = Annotated[
    int | None, Query(ge=0, le=65_535, description="In which it was seen last: row · columns + column")
]
After = Annotated[
    float, Query(ge=0, le=MOST_S, allow_inf_nan=False, description="Seconds in which nobody has seen it")
]
Within = Annotated[
    float | None,
    Query(
        gt=0,
        le=MOST_S,
        allow_inf_nan=False,
        description="Chances are of the next so many seconds",
    ),
]


class NextSight(BaseModel):
    """A camera that may see it next. Times are seconds after it was lost, 5th, 50th and 95th percentile."""

    camera: str
    kind: Literal["overlap", "transit", "return", "guess", "ahead"]
    probability: float = Field(ge=0, le=1, description="Overlaps may sum above 1: several see it at once")
    from_s: float
    median_s: float
    until_s: float
    windows: list[int] = Field(description="Of that camera, likeliest first")
    shares: list[float] = Field(description="Of these windows")


class NextSights(BaseModel):
    """Cameras, likeliest first."""

    camera: str
    window: int | None
    candidates: list[NextSight]


def handover_routes(watcher: Watcher) -> APIRouter:
    """The routes, to be included where reading is."""
    router = APIRouter()

    @router.get(
        "/handover",
        response_model=NextSights,
        responses={404: {"model": Problem, "description": "There is none"}},
    )
    def handover(
        camera: Annotated[str, Query(min_length=1, max_length=200, description="That saw it last")],
        window: Window = None,
        after_s: After = 0.0,
        within_s: Within = None,
        most: Annotated[int, Query(ge=1, le=100)] = 10,
    ) -> dict[str, Any]:
        """Where a target that left a camera's view may be seen next, likeliest first."""
        topology = watcher.seen.topology
        if topology is None:
            raise HTTPException(404, "no topology has been published yet")
        if camera not in topology.number:
            raise HTTPException(404, "there is no camera of that id")
        try:
            found = topology.handover.candidates(camera, window, after_s, within_s, most)
        except InputError as error:
            raise HTTPException(422, str(error)) from None
        return {"camera": camera, "window": window, "candidates": [asdict(one) for one in found]}

    return router
