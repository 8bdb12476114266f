"""What the interface answers, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sdist_ray.cameras.camera import Camera
from sdist_ray.errors import InputError
from sdist_ray.video.streams import check_address

CameraId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Kind = Literal["overlap", "transit"]
Severity = Literal["brief", "long", "serious"]
State = Literal["waiting", "live", "silent", "ended"]
URL = "^(rtsp|rtsps|http|https|tcp)://[!-~]+$"
MOST_CAMERAS = 500


class Problem(BaseModel):
    """Why something was not done."""

    detail: str


class Grid(BaseModel):
    """Windows of every camera."""

    columns: int
    rows: int


class Webhook(BaseModel):
    """An address that is told what happens."""

    host: str
    waiting: int
    delivered: int
    dropped: int = Field(description="Given up because too many waited")
    problem: str | None


class Status(BaseModel):
    """The run at a glance."""

    name: str = Field(description="The run's folder, by name")
    state: State
    message: str
    time_s: float = Field(description="The server's clock, UTC epoch seconds")
    published_s: float | None = Field(description="When the topology was published")
    boot: str = Field(description="Another one after every start of the server, which counts anew")
    versions: dict[str, int] = Field(description="Counts up whenever a part has changed")
    has: list[str] = Field(description="Parts that there are: topology, health, distances")
    cameras: int
    live: int | None = Field(description="Cameras that are live; null where nothing runs")
    edges: int | None
    links: int | None
    frames_per_s: float | None
    delay_p99_s: float | None
    late_fraction: float | None
    violations: int | None
    problems: list[str]
    writable: bool = Field(description="Whether cameras can be added and removed, with the token")
    webhooks: list[Webhook]
    server: str = Field(description="Version of sdist_ray")


class CameraColumns(BaseModel):
    """Cameras by column; ``x, y`` are places on the map, y downwards; a component or group of -1 is none."""

    id: list[str]
    x: list[float]
    y: list[float]
    component: list[int]
    group: list[int]
    failed: list[bool]


class EdgeColumns(BaseModel):
    """Edges by column; ``a, b`` number cameras, ``kind`` numbers ``kinds``."""

    a: list[int]
    b: list[int]
    links: list[int]
    score: list[float]
    kind: list[int]


class Graph(BaseModel):
    """The activity topology."""

    cameras: CameraColumns
    edges: EdgeColumns
    kinds: list[str]
    grid: Grid
    links: int
    components: int
    time_s: float | None
    estimator: str | None
    threshold: float | None
    least_links: float | None


class Edge(BaseModel):
    """Two cameras that see the same place, or that people walk between."""

    camera_a: str
    camera_b: str
    kind: Kind
    links: int
    score: float = Field(description="Confidence, 0 to 1")
    transit_mean_s: float | None


class Edges(BaseModel):
    """A page of edges, most links first."""

    total: int
    edges: list[Edge]


class LinkColumns(BaseModel):
    """A camera's links by column: its window, the other camera and its window."""

    window: list[int]
    other: list[str]
    other_window: list[int]
    score: list[float]


class CameraDetail(BaseModel):
    """One camera. ``health`` is as in health.json, null where nothing runs."""

    id: str
    status: str
    message: str | None
    warnings: list[str]
    frames: int | None
    ticks_available: int | None
    ticks_unavailable: int | None
    component: int
    group: int
    grid: Grid | None
    occupied_ticks: list[int] | None
    edges: list[Edge]
    links: LinkColumns
    health: dict[str, Any] | None
    picture: bool = Field(description="Whether there is a picture of it")


class Health(BaseModel):
    """health.json of a live network."""

    model_config = ConfigDict(extra="allow")
    name: str
    running: bool
    time_s: float
    health: dict[str, Any] | None
    history: dict[str, list[float | int | None]]


class Plan(BaseModel):
    """Groups that held for a while."""

    from_s: float | None
    groups: int | None
    largest: int | None
    pairs_share: float | None = Field(description="Of all ordered pairs of cameras, those that were counted")


class Partitions(BaseModel):
    """Who is counted together."""

    kind: str
    cameras: int
    grouped_cameras: int
    groups: int
    largest: int
    pairs_share: float | None
    edges: int
    sizes: list[int] = Field(description="Cameras of the largest groups, at most 500 of them")
    plans: list[Plan]


class Extent(BaseModel):
    """Where a camera's people were: least x, least y, most x, most y."""

    id: str
    extent: list[float] | None


class DistanceHistory(BaseModel):
    """By bin: mean number of people, and seconds of violations by severity."""

    time_s: list[float]
    bin_s: float
    people: list[float]
    brief: list[float]
    long: list[float]
    serious: list[float]


class Distancing(BaseModel):
    """A distancing run at a glance."""

    unit: Literal["m", "px"]
    limit: float
    first_s: float
    last_s: float
    cameras: list[Extent]
    violations: int
    truncated: bool
    history: DistanceHistory


class Violation(BaseModel):
    """Two people who were too close for a while. Distances are in ``unit``."""

    person_a: str | None
    person_b: str | None
    start_s: float
    end_s: float
    least_distance: float | None
    mean_distance: float | None
    x_m: float | None
    y_m: float | None
    unit: Literal["m", "px"]
    severity: Severity
    cameras: list[str]


class Violations(BaseModel):
    """A page of violations, the newest first."""

    total: int
    violations: list[Violation]


class Person(BaseModel):
    """Somebody on the ground (metres), or in the image (pixels)."""

    camera: str
    cameras: list[str] = Field(description="All that see them then")
    track: int = Field(description="The camera's own number")
    person: int | None = Field(
        description="The network's number, where several cameras' views are one ground"
    )
    x: float
    y: float
    group: int | None


class Moment(BaseModel):
    """Who was where at a time."""

    time_s: float
    people: list[Person]
    violations: list[Violation]


class NewCamera(BaseModel):
    """A camera that is to join. Only addresses on the network: no file, folder or device of the server's."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)
    id: CameraId
    url: Annotated[str, StringConstraints(pattern=URL, max_length=4000)] = Field(
        description="rtsp://, rtsps://, http://, https:// or tcp:// (a smart camera)"
    )
    fps: float | None = Field(None, gt=0, le=1000, allow_inf_nan=False)

    def camera(self) -> Camera:
        """The camera.

        Raises:
            InputError: its id cannot be shown, or its address cannot be one.
        """
        if not self.id.isprintable():
            raise InputError("an id has characters that cannot be shown")
        camera = Camera(self.id, self.url, self.fps)
        check_address(camera)
        return camera


class NewCameras(BaseModel):
    """Cameras that are to join."""

    model_config = ConfigDict(extra="forbid")
    cameras: list[NewCamera] = Field(min_length=1, max_length=MOST_CAMERAS)

    def found(self) -> list[Camera]:
        """The cameras.

        Raises:
            InputError: see NewCamera; or two have one id.
        """
        cameras = [camera.camera() for camera in self.cameras]
        if len({camera.id for camera in cameras}) < len(cameras):
            raise InputError("two cameras have one id")
        return cameras


class Done(BaseModel):
    """The cameras that were added or removed."""

    cameras: list[str]
