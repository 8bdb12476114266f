"""One self-contained HTML page of a distancing run, for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pyarrow as pa

from sdist_ray.report.distancing_folder import DistancingRun, file_within, read_distancing_run
from sdist_ray.report.marks import CLOCK_FROM_S, distance_text, time_text
from sdist_ray.report.parts import about, number, settings_rows, uri, within, write_page
from sdist_ray.report.run_folder import natural, show
from sdist_ray.report.timeline import draw_timeline

TEMPLATE = "distancing.html.j2"
MOST_ROWS = 200
MOST_CARDS = 400
MOST_PICTURES = 60
"""Pictures inside the page: some 100 kB a camera."""
PICTURE_WIDTH, HEAT_WIDTH = 720, 1200
SEVERITIES = ("serious", "long", "brief")
SETTINGS = ("command", "method", "limit_m", "unit", "fps")
PLAYED_BY_BROWSERS = {".webm"}


def write_distancing_report(folder: Path) -> Path:
    """Write ``report.html`` into a distancing run's folder.

    Tables and pictures that are missing or damaged are left out, and the page says which. Videos stay in
    their files; the page links to them.

    Args:
        folder: the folder that the run wrote.

    Returns:
        The page's path. It appears whole or not at all; an old one is replaced.

    Raises:
        InputError: there is no such folder, or it has no summary.json that can be read.
        OSError: the page cannot be written.
    """
    folder = Path(folder)
    run = read_distancing_run(folder)
    failed = [
        {"id": _text(camera.get("camera")), "message": _text(camera.get("problem"))}
        for camera in run.cameras
        if camera.get("status") == "failed"
    ]
    summary = run.summary
    return write_page(
        TEMPLATE,
        folder / "report.html",
        title=show(str(summary.get("name") or folder.resolve().name)),
        about=about(summary),
        figures=_figures(run, len(failed)),
        failed=failed,
        notes=run.notes,
        timeline=draw_timeline(run.people, run.violations),
        timeline_caption=_timeline_caption(run),
        violations=_violation_rows(run.violations),
        all_violations=run.violations.num_rows,
        groups=_group_rows(run.groups),
        all_groups=run.groups.num_rows,
        network=_network(run),
        cameras=_cards(run),
        all_cameras=len(run.cameras),
        settings=settings_rows(summary, SETTINGS, ("detector", "runtime", "rates")),
        config=_config(folder / "config.yaml"),
        version=str(summary.get("version") or ""),
    )


def _text(value: object) -> str:
    return "" if value is None else show(str(value))


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _sum(run: DistancingRun, key: str) -> float | int | None:
    """A figure over all cameras; None where no camera states it."""
    values: list[Any] = [camera[key] for camera in run.cameras if _finite(camera.get(key))]
    return sum(values) if values else None


def _figures(run: DistancingRun, failed: int) -> list[dict[str, str]]:
    """Key figures: name, value and a remark."""
    summary = run.summary
    count = within(summary, "violations", "count")
    seconds = within(summary, "violations", "seconds")
    severities = within(summary, "violations", "by_severity")
    by_severity = severities if isinstance(severities, Mapping) else {}
    remark = ", ".join(
        f"{number(by_severity[name])} {name}" for name in SEVERITIES if _finite(by_severity.get(name))
    )
    methods = sorted({str(c["method"]) for c in run.cameras if c.get("method")})
    groups = _sum(run, "groups")
    figures = [
        ("cameras", number(len(run.cameras) - failed), f"{failed} failed" if failed else "none failed"),
        _people(run),
        ("violations", number(run.violations.num_rows if count is None else count), remark),
        ("too close", _about_long(seconds), "all violations together"),
        ("groups", number(run.groups.num_rows if groups is None else groups), "who may be close"),
        ("limit", _limit(run), show(", ".join(methods))),
    ]
    rate = within(summary, "rates", "frames_per_s")
    if rate is not None:
        figures.append(("frames / s", number(rate), ""))
    return [{"name": n, "value": v, "remark": r} for n, v, r in figures]


def _people(run: DistancingRun) -> tuple[str, str, str]:
    """How many, and how they were counted: once in the network where cameras are fused."""
    once = within(run.summary, "fusion", "people")
    if not _finite(once):
        return "people", number(_sum(run, "people")), "tracks, counted in each camera"
    fused = within(run.summary, "fusion", "cameras")
    alone = [
        c["people"] for c in run.cameras if c.get("camera") not in (fused or []) and _finite(c.get("people"))
    ]
    return "people", number(once + sum(alone)), "tracks, counted once where cameras are fused"


def _network(run: DistancingRun) -> dict[str, Any] | None:
    """All fused cameras together; None where none are."""
    fusion = run.summary.get("fusion")
    if not isinstance(fusion, Mapping):
        return None
    cameras = fusion.get("cameras")
    words = [
        f"{len(cameras)} cameras" if isinstance(cameras, list) else "",
        *(
            f"{number(fusion[key])} {text}"
            for key, text in (
                ("pairs", "pairs that share ground"), ("people", "people"), ("violations", "violations"),
                ("seen_by_several", "of them seen by several cameras"),
            )
            if _finite(fusion.get(key))
        ),
    ]  # fmt: skip
    return {
        "counts": " · ".join(word for word in words if word),
        "picture": _picture(run.folder, fusion.get("picture"), PICTURE_WIDTH),
        "heat": _picture(run.folder, fusion.get("heat_map"), HEAT_WIDTH),
        "video": _link(run.folder, file_within(run.folder, fusion.get("video"))),
    }


def _limit(run: DistancingRun) -> str:
    """The limit in metres, or what all cameras that measure in pixels share."""
    limits = {
        f"{camera['limit']:g} {camera.get('unit') or 'm'}"
        for camera in run.cameras
        if _finite(camera.get("limit"))
    }
    if len(limits) == 1:
        return show(limits.pop())
    limit = run.summary.get("limit_m")
    return f"{limit:g} m" if _finite(limit) else "–"


def _timeline_caption(run: DistancingRun) -> str:
    starts = [t for t in run.people["time_s"].to_pylist()[:1] if t is not None]
    clock = "UTC" if starts and abs(starts[0]) > CLOCK_FROM_S else "time in the video"
    return (
        f"Times are {clock}. A person is counted once in every bar in which a camera saw them,"
        " by each camera that did."
    )


def _longest(table: pa.Table, start: str, end: str) -> list[dict[str, Any]]:
    """The rows that lasted longest, with ``seconds`` (NaN where unknown)."""
    first, last = (np.asarray(table[name].to_numpy(), np.float64) for name in (start, end))
    seconds = last - first
    order = np.argsort(-np.nan_to_num(seconds, nan=-np.inf), kind="stable")[:MOST_ROWS]
    rows: list[dict[str, Any]] = table.take(pa.array(order)).to_pylist()
    return [row | {"seconds": float(s)} for row, s in zip(rows, seconds[order], strict=True)]


def _violation_rows(table: pa.Table) -> list[dict[str, str]]:
    rows = []
    for row in _longest(table, "start_s", "end_s"):
        severity = _text(row["severity"])
        rows.append(
            {
                "severity": severity,
                "badge": severity if severity in SEVERITIES else "",
                "a": _text(row["person_a"]) or "?",
                "b": _text(row["person_b"]) or "?",
                "start": _when(row["start_s"]),
                "seconds": _duration(row["seconds"]),
                "least": _distance(row, "least"),
                "mean": _distance(row, "mean"),
                "place": f"{row['x_m']:.1f}, {row['y_m']:.1f} m"
                if _finite(row["x_m"]) and _finite(row["y_m"])
                else "–",
                "cameras": ", ".join(_text(c) for c in row["cameras"] or []),
            }
        )
    return rows


def _group_rows(table: pa.Table) -> list[dict[str, str]]:
    rows = []
    for row in _longest(table, "since_s", "until_s"):
        since, recognised = row["since_s"], row["recognised_s"]
        known = _finite(since) and _finite(recognised)
        rows.append(
            {
                "camera": _text(row["camera"]),
                "group": _text(row["group"]),
                "members": ", ".join(_text(m) for m in row["members"] or []),
                "since": _when(since),
                "seconds": _duration(row["seconds"]),
                "after": _duration(recognised - since) if known else "–",
                "reason": _text(row["reason"]),
            }
        )
    return rows


def _distance(row: Mapping[str, Any], kind: str) -> str:
    """A violation's distance in metres, or in pixels where nothing else is known."""
    for unit in ("m", "px"):
        if _finite(row[f"{kind}_distance_{unit}"]):
            # Two decimals: here the least of many is stated, not a running value.
            value = row[f"{kind}_distance_{unit}"]
            return f"{value:.2f} m" if unit == "m" else distance_text(value, "px")
    return "–"


def _duration(seconds: object) -> str:
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return "–"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    if minutes < 60:
        return f"{minutes} min {round(seconds) % 60:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _about_long(seconds: object) -> str:
    """A duration for a headline, in one unit."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return "–"
    unit, each = next((u, e) for u, e in (("h", 3600), ("min", 60), ("s", 1)) if seconds >= 1.5 * e or e == 1)
    return (
        f"{seconds / each:.3g} {unit}" if seconds < 1000 * each else f"{number(round(seconds / each))} {unit}"
    )


def _when(time_s: object) -> str:
    return time_text(float(time_s)) if isinstance(time_s, int | float) else "–"


def _cards(run: DistancingRun) -> list[dict[str, Any]]:
    """A card per camera: failed ones first, then those with most time too close."""

    def order(camera: Mapping[str, Any]) -> tuple[bool, float, list[tuple[int, int, str]]]:
        seconds = camera.get("violation_s")
        most = -float(seconds) if _finite(seconds) and seconds is not None else 0.0
        return camera.get("status") != "failed", most, natural(str(camera.get("camera")))

    cards = []
    for place, camera in enumerate(sorted(run.cameras, key=order)[:MOST_CARDS]):
        video = file_within(run.folder, camera.get("video"))
        shown = place < MOST_PICTURES
        warnings = camera.get("warnings")
        limit, unit = camera.get("limit"), camera.get("unit") or "m"
        how = [
            _text(camera.get("method")),
            f"limit {limit:g} {unit}" if _finite(limit) else "",
            f"{number(camera.get('fps'))} frames a second" if _finite(camera.get("fps")) else "",
        ]
        cards.append(
            {
                "id": _text(camera.get("camera")) or "?",
                "status": _text(camera.get("status")) or "ok",
                "failed": camera.get("status") == "failed",
                "problem": _text(camera.get("problem")),
                "counts": _counts(camera),
                "how": show(" · ".join(part for part in how if part)),
                "warnings": [_text(w) for w in warnings] if isinstance(warnings, list) else [],
                "picture": _picture(run.folder, camera.get("picture"), PICTURE_WIDTH) if shown else None,
                "heat": _picture(run.folder, camera.get("heat_map"), HEAT_WIDTH) if shown else None,
                "video": _link(run.folder, video),
                "plays": video is not None and video.suffix.lower() in PLAYED_BY_BROWSERS,
            }
        )
    return cards


def _counts(camera: Mapping[str, Any]) -> str:
    """What a camera saw, in words; what it does not state is left out."""
    words = [
        f"{number(camera[key])} {one if camera[key] == 1 else one + 's' if key != 'people' else 'people'}"
        for key, one in (
            ("frames", "frame"), ("bad_frames", "bad frame"), ("people", "person"),
            ("violations", "violation"), ("groups", "group"),
        )
        if _finite(camera.get(key)) and (key != "bad_frames" or camera[key])
    ]  # fmt: skip
    if _finite(camera.get("violation_s")) and camera["violation_s"]:
        words.append(f"{_duration(camera['violation_s'])} too close")
    return " · ".join(words)


def _link(folder: Path, path: Path | None) -> str | None:
    """An address relative to the page; the dot keeps a name from being read as a scheme."""
    if path is None:
        return None
    return "./" + quote(path.relative_to(folder.resolve()).as_posix(), errors="surrogatepass")


def _picture(folder: Path, name: object, width: int) -> str | None:
    """A picture of the run as a data URI, None where there is none to read."""
    path = file_within(folder, name)
    if path is None:
        return None
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        return None
    if image is None:
        return None
    if image.shape[1] > width:
        size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if max(image.shape) > 16_000:
        return None
    return uri(cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8), ".webp")


def _config(path: Path) -> str:
    try:
        return show(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
