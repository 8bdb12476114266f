"""People and violations over time, as inline SVG."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from markupsafe import Markup

from sdist_ray.report.marks import time_text

Floats = npt.NDArray[np.float64]

WIDTH, PANEL, GAP, LEFT = 960.0, 96.0, 34.0, 44.0
STEPS_S = (1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 86400)
MOST_BARS = 120
MOST_TIME_LABELS = 9
SCALE = '<text class="scale" x="{:.0f}" y="{:.1f}">{}</text>'
HEAD = '<svg class="timeline" viewBox="0 0 {} {}" role="img" aria-label="People and violations over time">'
BAR = '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}: {}</title></rect>'


def draw_timeline(people: pa.Table, violations: pa.Table) -> Markup:
    """Two rows of bars over one axis of time: people seen, violations begun.

    Args:
        people: columns ``camera``, ``time_s``, ``track``; a row for each person and frame.
        violations: column ``start_s``.

    Returns:
        An SVG element, safe to put in a page; empty where nobody was seen at any known time.
    """
    time_s = people["time_s"].to_numpy().astype(np.float64)
    start_s = violations["start_s"].to_numpy().astype(np.float64)
    times = np.concatenate([time_s, start_s])
    times = times[np.isfinite(times)]
    if not len(times):
        return Markup("")
    step, first = _step(times)
    bars = int((times.max() - first) // step) + 1
    seen = _people_seen(people, time_s, first, step, bars)
    begun = np.bincount(_bar(start_s[np.isfinite(start_s)], first, step, bars), minlength=bars)
    parts = [
        Markup(HEAD).format(round(WIDTH), round(2 * (PANEL + GAP) + 8)),
        _panel(seen, 0.0, "safe", f"people seen, per {_name(step)}", first, step),
        _panel(begun, PANEL + GAP, "offender", f"violations begun, per {_name(step)}", first, step),
        _axis(bars, first, step),
        Markup("</svg>"),
    ]  # fmt: skip
    return Markup("").join(parts)


def _step(times: Floats) -> tuple[float, float]:
    """Seconds per bar, and when the first begins."""
    span = float(times.max() - times.min())
    step = next((float(s) for s in STEPS_S if span / s < MOST_BARS - 1), 0.0)
    step = step or 86400.0 * np.ceil(span / 86400 / (MOST_BARS - 2))
    return step, float(np.floor(times.min() / step) * step)


def _name(step: float) -> str:
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if step >= seconds:
            count = round(step / seconds)
            return unit if count == 1 else f"{count} {unit}s"
    return "second" if step == 1 else f"{round(step)} seconds"


def _bar(time_s: Floats, first: float, step: float, bars: int) -> npt.NDArray[np.int64]:
    return np.clip((time_s - first) // step, 0, bars - 1).astype(np.int64)


def _people_seen(
    people: pa.Table, time_s: Floats, first: float, step: float, bars: int
) -> npt.NDArray[np.int64]:
    """Different tracks in each bar's time."""
    known = np.isfinite(time_s) & people["track"].is_valid().to_numpy()
    if not known.any():
        return np.zeros(bars, np.int64)
    camera = people["camera"].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
    track = people["track"].fill_null(0).to_numpy()
    bar = _bar(time_s[known], first, step, bars)
    rows = np.unique(np.stack([bar, camera[known].astype(np.int64), track[known]], axis=1), axis=0)
    return np.bincount(rows[:, 0], minlength=bars)


def _panel(
    counts: npt.NDArray[np.int64], top: float, kind: str, title: str, first: float, step: float
) -> Markup:
    most = max(int(counts.max()), 1)
    wide = (WIDTH - LEFT) / len(counts)
    foot = top + GAP - 12 + PANEL
    parts = [
        Markup('<text class="title" x="0" y="{:.0f}">{}</text>').format(top + 13, title),
        Markup(SCALE).format(LEFT - 8, foot - PANEL + 9, most),
        Markup(SCALE).format(LEFT - 8, foot, 0),
        Markup('<path class="rule" d="M{0:.0f} {1:.1f}H{2:.0f}M{0:.0f} {3:.1f}H{2:.0f}"/>')
        .format(LEFT, foot, WIDTH, foot - PANEL),
    ]  # fmt: skip
    for number in np.flatnonzero(counts).tolist():
        high = PANEL * int(counts[number]) / most
        parts.append(
            Markup(BAR).format(kind, LEFT + number * wide, foot - high, max(min(wide - 1, 40.0), 0.8), high,
                    time_text(first + number * step), int(counts[number]))
        )  # fmt: skip
    return Markup("").join(parts)


def _axis(bars: int, first: float, step: float) -> Markup:
    every = max(1, -(-bars // MOST_TIME_LABELS))
    wide = (WIDTH - LEFT) / bars
    labels = [
        Markup('<text class="time" x="{:.1f}" y="{:.0f}">{}</text>').format(
            LEFT + number * wide, 2 * (PANEL + GAP) + 4, time_text(first + number * step)
        )
        for number in range(0, bars, every)
        if LEFT + number * wide < WIDTH - 50
    ]
    return Markup("").join(labels)
