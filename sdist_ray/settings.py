"""The settings of every command, validated once, at the edge."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from sdist_ray.errors import InputError
from sdist_ray.exclusion.store import POLICIES
from sdist_ray.exclusion.tile import STORES, Counting
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import MAX_TOLERANCE, Padding
from sdist_ray.settings_change import ChangeSettings
from sdist_ray.settings_detector import DetectorSettings, YoloDetectorSettings, require
from sdist_ray.settings_evidence import check_evidence
from sdist_ray.settings_ground_plane import GroundPlaneSettings
from sdist_ray.settings_live import LiveSettings
from sdist_ray.settings_site import SimulatedSettings, SiteSettings
from sdist_ray.settings_transit import TransitSettings

SOURCES = ("site", "files", "recording", "live")
RUNTIMES = ("local", "ray")


@dataclass
class SourceSettings:
    """Where data comes from."""

    kind: str = MISSING
    paths: list[str] = field(default_factory=list)
    path: str | None = None
    site: SiteSettings = field(default_factory=SiteSettings)


@dataclass
class GridSettings:
    """Windows per camera."""

    columns: int = 12
    rows: int = 9


@dataclass
class RuntimeSettings:
    """Where it runs. ``workers`` and ``shards`` of 0 are chosen from the CPUs.

    ``snapshots`` is a folder or URI; None is the run's own folder on Ray, and none at all in one process. A
    shard is written down every ``snapshot_ranges`` ranges; 0: never.
    """

    kind: str = MISSING
    workers: int = 0
    shards: int = 0
    snapshots: str | None = None
    snapshot_ranges: int = 100


MAX_RECENT_H = 1_000_000


@dataclass
class ExclusionSettings:
    """How it is counted: T_r in seconds, p in ticks.

    In the indexed store, ``recent_h`` is how many of the newest hours count, None for all, and
    ``thin_after_h`` how many of them all count while what is older is thinned (exclusion.thinning), None
    where nothing is.
    """

    tolerance: int = 3
    counters: str = "wide"
    store: str = "dense"
    range_s: float = 2.0
    recent_h: float | None = None
    thin_after_h: float | None = None

    def counting(self, grid: Grid, clock: Clock) -> Counting:
        """How tiles count by these settings."""
        padding = Padding(grid, clock, self.tolerance)
        recent, whole = (
            0 if hours is None else max(1, round(hours * 3600 * clock.fps / clock.range_ticks))
            for hours in (self.recent_h, self.thin_after_h)
        )
        return Counting(padding, self.counters, self.store, recent, whole)


@dataclass
class TopologySettings:
    """What counts as a link, and as an edge.

    ``fdr`` is the share of links that may be due to chance; None where the threshold alone decides.
    """

    estimator: str = "nonexclusion"
    threshold: float = 0.8
    fdr: float | None = None
    least_links: int = 3
    transit: TransitSettings = field(default_factory=TransitSettings)
    ground_plane: GroundPlaneSettings = field(default_factory=GroundPlaneSettings)
    change: ChangeSettings = field(default_factory=ChangeSettings)


@dataclass
class PartitionSettings:
    """Which cameras are counted together: all of them, the groups of a CSV file, or what a strategy says.

    A strategy may be given groups to begin with; ``options`` are its own, see sdist_ray.partition.make.
    """

    kind: str = "none"
    path: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if self.kind == "groups" and not self.path:
            raise InputError("partition=groups needs partition.path=FILE, a CSV file with camera,group")
        if self.kind == "none" and self.path:
            raise InputError("partition.path needs partition=groups, or a strategy")
        if self.kind in ("none", "groups") and self.options:
            raise InputError(f"partition.options need a strategy: partition={self.kind} has none")
        require("partition.seed", self.seed, 0 <= self.seed < 1 << 63, "0 or more")


@dataclass
class NetworkSettings:
    """What topology and record share."""

    output: str = MISSING
    fps: float = 10.0
    cameras: str | None = None
    source: SourceSettings = field(default_factory=SourceSettings)
    grid: GridSettings = field(default_factory=GridSettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    live: LiveSettings = field(default_factory=LiveSettings)

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        require("source", self.source.kind, self.source.kind in SOURCES, SOURCES)
        require("runtime", self.runtime.kind, self.runtime.kind in RUNTIMES, RUNTIMES)
        for name in ("workers", "shards"):
            value = getattr(self.runtime, name)
            require(f"runtime.{name}", value, 0 <= value <= 10_000, "0 (automatic) or more")
        every = self.runtime.snapshot_ranges
        require("runtime.snapshot_ranges", every, 0 <= every <= 1_000_000, "0 (never) or more ranges")
        if self.runtime.snapshots is not None and not self.runtime.snapshots.strip("/ "):
            raise InputError(
                f"runtime.snapshots is {self.runtime.snapshots!r}: a folder or a URI would be right, or null"
            )
        Clock(self.fps, 1)
        Grid(self.grid.columns, self.grid.rows)
        self.detector.check()
        self.live.check()
        if self.source.kind in ("files", "live") and not self.source.paths and not self.cameras:
            raise InputError(f"source={self.source.kind} needs source.paths=[…] or cameras=cameras.yaml")
        if self.source.kind == "recording" and not self.source.path:
            raise InputError("source=recording needs source.path=FILE")
        if self.source.kind not in ("files", "live") and self.source.paths:
            raise InputError(f"source.paths needs source=files or source=live, not source={self.source.kind}")
        if self.source.kind != "recording" and self.source.path:
            raise InputError(f"source.path needs source=recording, not source={self.source.kind}")


@dataclass
class TopologyJob(NetworkSettings):
    """sdist-ray topology."""

    exclusion: ExclusionSettings = field(default_factory=ExclusionSettings)
    topology: TopologySettings = field(default_factory=TopologySettings)
    partition: PartitionSettings = field(default_factory=PartitionSettings)

    def check(self) -> None:
        """See NetworkSettings."""
        super().check()
        self.partition.check()
        counting, topology = self.exclusion, self.topology
        require("exclusion.counters", counting.counters, counting.counters in POLICIES, POLICIES)
        require("exclusion.store", counting.store, counting.store in STORES, tuple(STORES))
        if counting.store == "indexed" and counting.counters != "wide":
            raise InputError(
                f"exclusion.store=indexed counts exactly, never exclusion.counters={counting.counters}: "
                "either counters=wide, or store=dense or rle"
            )
        for key, hours in (("recent_h", counting.recent_h), ("thin_after_h", counting.thin_after_h)):
            if hours is None:
                continue
            right = f"above 0, at most {MAX_RECENT_H} hours, or null for all"
            require(f"exclusion.{key}", hours, 0 < hours <= MAX_RECENT_H, right)
            if counting.store != "indexed":
                raise InputError(
                    f"exclusion.{key} needs exclusion.store=indexed, which keeps events: {counting.store} "
                    "cannot take back what it has counted"
                )
        if counting.recent_h is not None and counting.thin_after_h is not None:
            raise InputError(
                "either exclusion.recent_h, which forgets what is older, or exclusion.thin_after_h, which "
                "thins it: the other one must be null"
            )
        fits = 0 <= counting.tolerance <= MAX_TOLERANCE
        require("exclusion.tolerance", counting.tolerance, fits, f"0 to {MAX_TOLERANCE} ticks")
        check_evidence(topology.estimator, topology.threshold, topology.fdr)
        require("topology.least_links", topology.least_links, topology.least_links >= 1, "1 or more")
        topology.transit.check()
        topology.ground_plane.check()
        topology.change.check()
        if self.source.kind != "recording":
            # A recording has a rate of its own.
            Clock.of(self.fps, counting.range_s)


@dataclass
class RecordJob(NetworkSettings):
    """sdist-ray record. The suffix of ``file`` decides the format: .parquet or .arrow."""

    file: str = "occupancy.parquet"


@dataclass
class SimulateJob:
    """sdist-ray simulate."""

    output: str = MISSING
    fps: float = 10.0
    site: SimulatedSettings = field(default_factory=SimulatedSettings)
    grid: GridSettings = field(default_factory=GridSettings)
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    video: bool = True

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        require("runtime", self.runtime.kind, self.runtime.kind in RUNTIMES, RUNTIMES)
        Clock(self.fps, 1)
        self.site.check(self.fps, Grid(self.grid.columns, self.grid.rows))


@dataclass
class EvaluateJob:
    """sdist-ray evaluate: RUN against truth_links.parquet, or against calibrated cameras."""

    run: str | None = None
    truth: str | None = None
    cameras: str | None = None
    least_overlap: float = 0.1
    least_ticks: int = 10
    edge_area_m2: float = 4.0
    cell_m: float = 0.1
    output: str | None = None

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if not self.run:
            raise InputError("evaluate needs run=DIR, the folder of a topology run")
        if bool(self.truth) == bool(self.cameras):
            raise InputError("evaluate needs one of truth=truth_links.parquet and cameras=cameras.yaml")
        require("least_overlap", self.least_overlap, 0 < self.least_overlap <= 1, "above 0, to 1")
        require("least_ticks", self.least_ticks, self.least_ticks >= 0, "0 or more")
        require("edge_area_m2", self.edge_area_m2, 0 <= self.edge_area_m2 < 1e9, "0 or more")
        require("cell_m", self.cell_m, 0.005 <= self.cell_m <= 10, "0.005 to 10 m")


@dataclass
class CapacityJob:
    """sdist-ray capacity: what a network would take."""

    cameras: int | None = None
    windows: int = 108
    people: float = 0.5
    seconds: float = 3600.0
    fps: float = 10.0
    range_s: float = 2.0
    tolerance: int = 3
    counters: str = "wide"
    store: str = "all"
    shards: int = 1
    calibrate: bool = False
    file: str | None = None

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if self.cameras is None:
            raise InputError("capacity needs cameras=N")
        require("cameras", self.cameras, 1 <= self.cameras <= 1_000_000, "1 to 1000000")
        require("windows", self.windows, 1 <= self.windows <= 65_536, "1 to 65536")
        people = self.people
        require("people", people, 0 <= people <= 1000, "0 to 1000 in view of a camera, on average")
        require("seconds", self.seconds, 1 <= self.seconds <= 1e9, "1 to 1e9")
        fits = 0 <= self.tolerance <= MAX_TOLERANCE
        require("tolerance", self.tolerance, fits, f"0 to {MAX_TOLERANCE} ticks")
        require("counters", self.counters, self.counters in POLICIES, POLICIES)
        require("store", self.store, self.store == "all" or self.store in STORES, ("all", *STORES))
        if self.store == "indexed" and self.counters != "wide":
            raise InputError(
                f"store=indexed counts exactly, never counters={self.counters}: "
                "either counters=wide, or store=dense or rle"
            )
        require("shards", self.shards, 1 <= self.shards <= 1000, "1 to 1000")
        Clock.of(self.fps, self.range_s)


@dataclass
class ConvertJob:
    """sdist-ray models convert: Darknet's two files to ONNX."""

    cfg: str | None = None
    weights: str | None = None
    output: str | None = None

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if not self.cfg or not self.weights:
            raise InputError("models convert needs two files: sdist-ray models convert CFG WEIGHTS")


@dataclass
class CheckJob:
    """sdist-ray models check: what a model finds in an image."""

    image: str | None = None
    output: str | None = None
    threads: int = 0
    detector: YoloDetectorSettings = field(default_factory=YoloDetectorSettings)

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if not self.detector.model or not self.image:
            raise InputError("models check needs two files: sdist-ray models check MODEL IMAGE")
        require("threads", self.threads, 0 <= self.threads <= 1024, "0 (all CPUs) or more")
        self.detector.check()


def conf_folder() -> Path:
    """The configuration: beside the modules when installed, beside the package in a checkout.

    Raises:
        InputError: it is in neither place.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "conf", here.parent / "conf"):
        if (folder / "topology.yaml").is_file():
            return folder
    raise InputError(f"{here}: the installation lacks its conf folder; install sdist-ray anew")
