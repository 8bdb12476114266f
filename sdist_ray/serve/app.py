"""The HTTP interface: what was published last, as JSON; and, with a token, cameras that come and go."""

from __future__ import annotations

import gzip
import hmac
import json
import math
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sdist_ray import __version__
from sdist_ray.errors import InputError
from sdist_ray.report.run_folder import show
from sdist_ray.serve import answers
from sdist_ray.serve.distances import Distances
from sdist_ray.serve.guard import Guard
from sdist_ray.serve.handovers import handover_routes
from sdist_ray.serve.members import Members, NoNetwork
from sdist_ray.serve.status import camera_detail, status
from sdist_ray.serve.watcher import Watcher

API = "/api/v1"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
         ".js": "text/javascript; charset=utf-8"}  # fmt: skip
DESCRIPTION = """\
What a sdist_ray run has published last. Reading needs no token where only this machine can ask; adding and
removing cameras always does (`Authorization: Bearer …`). Answers carry an ETag: asked with `If-None-Match`,
they are 304 as long as nothing has changed. Times are UTC epoch seconds, distances metres.
"""
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": answers.Problem, "description": "A body that is no text"},
    401: {"model": answers.Problem, "description": "No token, or a wrong one"},
    403: {"model": answers.Problem, "description": "From another site; or changes are not allowed"},
    411: {"model": answers.Problem, "description": "A request that does not say how long it is"},
    413: {"model": answers.Problem, "description": "A request that is too large"},
    414: {"model": answers.Problem, "description": "A query that is too long"},
    415: {"model": answers.Problem, "description": "A body that is no JSON"},
    421: {"model": answers.Problem, "description": "The server does not go by that name"},
    422: {"model": answers.Problem, "description": "A value that cannot be"},
}
CHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Nothing has changed"}}
NOTHING: dict[int | str, dict[str, Any]] = {
    404: {"model": answers.Problem, "description": "There is none"},
}
CameraQuery = Annotated[str, Query(min_length=1, max_length=200, description="A camera's id")]
MaybeCamera = Annotated[str | None, Query(min_length=1, max_length=200, description="Only of this camera")]
BEARER = HTTPBearer(auto_error=False, description="The token that the server was started with")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Seconds = Annotated[float, Query(ge=-1e12, le=1e12, allow_inf_nan=False, description="UTC epoch seconds")]


def create_app(
    watcher: Watcher,
    hosts: Iterable[str],
    token: str | None = None,
    protected: bool = False,
    members: Members | None = None,
    webhooks: Callable[[], list[dict[str, Any]]] = list,
) -> Guard:
    """The ASGI application.

    Args:
        watcher: of the run.
        hosts: names by which it may be asked; see Guard.
        token: that changes need; None: there are none.
        protected: whether reading needs it too.
        members: of the network, for changes.
        webhooks: how they are; see Webhooks.states.
    """
    app = FastAPI(
        title="sdist_ray",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
    )
    app.add_exception_handler(RequestValidationError, _invalid)

    def may_read(credentials: Credentials) -> None:
        if protected:
            _require(token, credentials)

    def may_write(credentials: Credentials) -> None:
        if token is None or members is None:
            raise HTTPException(403, "this server only shows; token_file=FILE would let it change cameras")
        _require(token, credentials)

    app.include_router(_reading(watcher, token is not None, may_read if protected else _anyone, webhooks))
    app.include_router(_writing(members, may_write))
    _serve_pages(app)
    return Guard(app, hosts)


def _anyone() -> None:
    """Reading is open."""


def _known(request: Request) -> None:
    """Refuse parameters that there are not: one that is misspelt would change nothing, unseen."""
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in known:
            raise HTTPException(422, f"there is no parameter {name[:40]!r}")
    if len(set(names)) < len(names):
        raise HTTPException(422, "a parameter is given twice")


def _reading(
    watcher: Watcher,
    writable: bool,
    may_read: Callable[..., None],
    webhooks: Callable[[], list[dict[str, Any]]],
) -> APIRouter:
    router = APIRouter(prefix=API, dependencies=[Depends(may_read), Depends(_known)], responses=REFUSALS)
    give = Giver()

    @router.get("/status", response_model=answers.Status)
    def run_status() -> dict[str, Any]:
        """The run at a glance, and which of its parts have changed."""
        return status(watcher.name, watcher.seen, time.time(), writable, give.boot, webhooks())

    @router.get("/topology", response_model=answers.Graph, responses=CHANGED | NOTHING)
    def topology(request: Request) -> Response:
        """The activity topology: all cameras with their places on the map, and all edges, by column."""
        seen = watcher.seen
        found = _there(seen.topology, "no topology has been published yet")
        return give(request, "topology", seen.numbers["topology"], found.graph)

    @router.get("/edges", response_model=answers.Edges, responses=NOTHING)
    def edges(
        camera: MaybeCamera = None,
        kind: answers.Kind | None = None,
        least_score: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 0.0,
        least_links: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Edges between cameras, most links first."""
        found = _there(watcher.seen.topology, "no topology has been published yet")
        kept = found.edges(camera, kind, least_score, least_links)
        return {"total": len(kept), "edges": kept[offset : offset + limit]}

    @router.get("/camera", response_model=answers.CameraDetail, responses=CHANGED | NOTHING)
    def camera(id: CameraQuery, request: Request) -> Response:
        """A camera: its state, its windows and its links."""
        seen = watcher.seen
        found = _there(
            camera_detail(id, seen, watcher.picture(id) is not None), "there is no camera of that id"
        )
        return give(request, None, 0, lambda: found)

    @router.get(
        "/picture",
        response_class=Response,
        responses=NOTHING | {200: {"content": {"image/jpeg": {"schema": {"type": "string"}}}}},
    )
    def picture(id: CameraQuery) -> Response:
        """A camera's newest picture."""
        data = _there(watcher.picture(id), "there is no picture of that camera")
        return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=30"})

    @router.get("/health", response_model=answers.Health, responses=CHANGED | NOTHING)
    def health(request: Request) -> Response:
        """Cameras, workers and the network as a whole, and the last hour: health.json of a live network."""
        seen = watcher.seen
        found = _there(seen.health, "no live network has run here")
        return give(request, "health", seen.numbers["health"], lambda: found)

    @router.get("/partitions", response_model=answers.Partitions, responses=CHANGED | NOTHING)
    def partitions(request: Request) -> Response:
        """Who is counted together, and the plans over time."""
        seen = watcher.seen
        found = _there(seen.topology, "no topology has been published yet")
        return give(request, "partitions", seen.numbers["topology"], found.partitions)

    @router.get("/distancing", response_model=answers.Distancing, responses=CHANGED | NOTHING)
    def distancing(request: Request) -> Response:
        """A distancing run at a glance, and its history."""
        seen = watcher.seen
        found = _there(seen.distances, "this run has no distances")
        return give(request, "distancing", seen.numbers["distances"], found.overview)

    @router.get("/people", response_model=answers.Moment, responses=NOTHING)
    def people(at_s: Seconds, camera: MaybeCamera = None) -> dict[str, Any]:
        """Who was where at a time, and the violations of that moment."""
        found: Distances = _there(watcher.seen.distances, "this run has no distances")
        return found.at(at_s, camera)

    @router.get("/violations", response_model=answers.Violations, responses=NOTHING)
    def violations(
        since_s: Seconds = -1e12,
        until_s: Seconds = 1e12,
        camera: MaybeCamera = None,
        severity: answers.Severity | None = None,
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Violations that lasted during some of a span, the newest first."""
        found = _there(watcher.seen.distances, "this run has no distances")
        kept = found.between(since_s, until_s, camera, severity)[::-1]
        return {"total": len(kept), "violations": kept[offset : offset + limit]}

    router.include_router(handover_routes(watcher))
    return router


def _writing(members: Members | None, may_write: Callable[..., None]) -> APIRouter:
    failures: dict[int | str, dict[str, Any]] = {
        409: {
            "model": answers.Problem,
            "description": "It cannot be, or the network refuses; nothing was done",
        },
        503: {"model": answers.Problem, "description": "No network runs"},
    }
    router = APIRouter(
        prefix=API, dependencies=[Depends(may_write), Depends(_known)], responses=REFUSALS | failures
    )

    @router.post("/cameras", response_model=answers.Done, status_code=202)
    def add(wanted: answers.NewCameras) -> dict[str, Any]:
        """Have cameras join the network that runs; all of them, or none."""
        assert members is not None
        try:
            cameras = wanted.found()
        except InputError as error:
            raise HTTPException(409, show(str(error))) from None
        with _Refusals():
            members.add(cameras)
        return {"cameras": [camera.id for camera in cameras]}

    @router.delete("/cameras", response_model=answers.Done, status_code=202)
    def remove(id: CameraQuery) -> dict[str, Any]:
        """Have a camera leave the network that runs; what was counted of it is kept."""
        assert members is not None
        with _Refusals():
            members.remove([id])
        return {"cameras": [id]}

    return router


class _Refusals:
    """What a network refuses, as an answer."""

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Turn the error into an answer."""
        if isinstance(error, NoNetwork):
            raise HTTPException(503, str(error)) from None
        if isinstance(error, InputError):
            raise HTTPException(409, show(str(error))) from None


class Giver:
    """Gives JSON out, with an ETag, compressed where that is wanted; what has not changed is made once."""

    def __init__(self) -> None:
        # Another start of the server counts from 0 again.
        self.boot = secrets.token_hex(4)
        self._made: dict[str, tuple[int, bytes, bytes]] = {}

    def __call__(
        self, request: Request, name: str | None, number: int, make: Callable[[], Mapping[str, Any]]
    ) -> Response:
        """The answer.

        Args:
            request: that is answered.
            name: of what is asked for; None where it is made every time.
            number: of its newest version.
            make: makes it.
        """
        found = self._made.get(name) if name is not None else None
        if found is None or found[0] != number:
            data = json.dumps(finite(make()), separators=(",", ":"), allow_nan=False).encode()
            found = number, data, gzip.compress(data, 4, mtime=0)
            if name is not None:
                self._made[name] = found
        _, plain, small = found
        tag = f'W/"{self.boot}-{number}"' if name is not None else f'W/"{hash(plain):x}-{self.boot}"'
        headers = {"etag": tag, "cache-control": "private, no-cache", "vary": "accept-encoding"}
        if tag in (part.strip() for part in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", "") and len(plain) > 1000:
            return Response(
                small, headers={**headers, "content-encoding": "gzip"}, media_type="application/json"
            )
        return Response(plain, headers=headers, media_type="application/json")


def _there(found: Any, otherwise: str) -> Any:
    if found is None:
        raise HTTPException(404, otherwise)
    return found


def _require(token: str | None, credentials: HTTPAuthorizationCredentials | None) -> None:
    given = b"" if credentials is None else credentials.credentials.encode("utf-8", "surrogatepass")
    if token is None or not hmac.compare_digest(given, token.encode()):
        headers = {"WWW-Authenticate": "Bearer"}
        raise HTTPException(401, "the token is missing or wrong", headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """What is wrong with a request, in one line; never what was sent, which may hold a password."""
    assert isinstance(error, RequestValidationError)
    parts = []
    for found in error.errors()[:5]:
        where = ".".join(str(step)[:40] for step in found["loc"])
        parts.append(f"{where}: {str(found['msg'])[:200]}")
    return JSONResponse({"detail": "; ".join(parts)}, 422)


def _serve_pages(app: FastAPI) -> None:
    """The dashboard's own files, all of them known beforehand."""
    folder = files("sdist_ray.serve") / "static"
    pages = {page.name: page.read_bytes() for page in folder.iterdir() if page.name[0] != "."}

    def page(name: str) -> Response:
        if name not in pages:
            raise HTTPException(404, "there is no such page")
        kind = TYPES[name[name.rindex(".") :]]
        return Response(pages[name], media_type=kind, headers={"cache-control": "no-cache"})

    app.get("/", include_in_schema=False)(lambda: page("index.html"))
    app.get("/api", include_in_schema=False)(lambda: page("api.html"))
    app.get("/static/{name}", include_in_schema=False)(page)


def finite(value: Any) -> Any:
    """The same with null for numbers that JSON has none for: a run's files may hold them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    return [finite(entry) for entry in value] if isinstance(value, list | tuple) else value
