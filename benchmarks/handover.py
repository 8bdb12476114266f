"""Handover: is the next camera among the few that one looks at, and how much of the network is that?

    python -m benchmarks.handover [--seeds 31 32 33] [--minutes 120] [--cameras 100]

Simulated sites of 100 cameras (halls, 22 by 18 m apart, with walkways and ground between them that nobody
sees; 125 people, 10 FPS, one detection in ten missed), on seeds that nothing was tuned on. Links, exits and
transits are learnt from the occupancy of the first minutes; handovers are then judged on the walks of the
minutes that follow, which nothing was learnt from.

A true handover: somebody has been out of a camera's view for a second; the cameras that see them next, all of
that tick, are right, whether that is at once or after a while in nobody's view. Searching for them means to
look, in each half second, at the three cameras that are likeliest for that half second; they are found where
one of the three is right when they appear. Beside it: the three likeliest at any time, fixed at the moment of
leaving, and looked at until they come (``fixed``); camera to camera counts of the truth itself, the best
that can be known without windows or times (``markov``); and a search of all cameras.

With ``moving`` it is known of each target, beside the window, where its foot points were when it was seen
last and up to a second before (with a detector's noise), and cameras are calibrated: see
topology.handover.ahead. Told apart are those who stayed on the site and those who left it by a door and came
back by any other, which nothing tells.

Precision and recall of the search space: all cameras are looked at whose probability for the half second
passes a threshold. Recall: handovers that are found. Precision: of the camera frames looked at until they
appear, those that show them. Frames: of all camera frames until then, those looked at.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.machine import machine
from benchmarks.transit_runs import CLOCK, GRID, learner_of, learnt_links, overlapping, ranges_of
from sdist_ray.distancing.ground import ground_view
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.simulation.site import Site, SiteSpec, Walk, make_site, walk
from sdist_ray.simulation.truth_handovers import TrueHandovers, true_handovers
from sdist_ray.topology.graph import camera_edges
from sdist_ray.topology.handover.ahead import Motion, ground_of
from sdist_ray.topology.handover.build import Linked, Walked, build_handover
from sdist_ray.topology.handover.exits import ExitTally
from sdist_ray.topology.handover.model import Handover
from sdist_ray.topology.links import Links
from sdist_ray.topology.transit.events import SpreadLinks
from sdist_ray.topology.transit.model import Transits

RESULTS = Path(__file__).parent / "results"
PEOPLE_PER_CAMERA = 1.25
TOP = 3
LEAST_SEEN_S = 0.3
"""How long a target must have been in view for it to be known how it moved."""
THRESHOLDS = np.geomspace(1e-4, 0.9, 25)


def linked_of(links: Links) -> Linked:
    """Links as a handover takes them."""
    return Linked(
        links.camera_a, links.window_a, links.camera_b, links.window_b, links.score_ab, links.score_ba
    )


def walked_of(transits: Transits) -> Walked:
    """Transits as a handover takes them."""
    return Walked(
        transits.source, transits.target, transits.probability, transits.histogram, transits.bin_s,
        transits.returns, transits.zone, transits.zone_source, transits.zone_target, transits.zone_transits,
        transits.zone_histogram, transits.zone_exits,
    )  # fmt: skip


def learnt(ranges: list[SparseRange], site: Site) -> tuple[Handover, dict[str, Any]]:
    """A handover of everything that the footage tells, and what it took."""
    start = time.process_time()
    links = learnt_links(ranges, site.camera_ids)
    edges = camera_edges(links, 3)
    tally = ExitTally(len(site.cameras), GRID, CLOCK)
    tally.link(SpreadLinks.between(links, links.cameras, GRID))
    counting = time.process_time()
    for entry in ranges:
        tally.add(entry)
    counted = time.process_time()
    transits = learner_of(ranges, links).learn(overlapping(edges))
    walking = time.process_time()
    handover = build_handover(site.camera_ids, GRID, linked_of(links), walked_of(transits), tally.counts())
    handover = replace(handover, ground=ground_of([ground_view(camera) for camera in site.cameras]))
    return handover, {
        "links": len(links), "edges": len(edges), "transits": len(transits), "links_s": counting - start,
        "exits_s": counted - counting, "transits_s": walking - counted,
        "build_s": time.process_time() - walking,
    }  # fmt: skip


Plan = tuple[np.ndarray, np.ndarray, np.ndarray]


class Search:
    """What a handover says to look at in each bin of time, by camera and window."""

    def __init__(self, handover: Handover) -> None:
        self.handover = handover
        self.bin_ticks = max(1, round(handover.ways.bin_s * CLOCK.fps))
        self._known: dict[tuple[int, int], Plan] = {}

    def plan(self, camera: int, window: int, motion: Motion | None = None) -> Plan:
        """Cameras (n,), chances by bin given that nothing was seen before (n, bins), and ever (n,)."""
        if motion is not None:
            return self._plan(camera, window, motion)
        if (camera, window) not in self._known:
            self._known[camera, window] = self._plan(camera, window, None)
        return self._known[camera, window]

    def _plan(self, camera: int, window: int, motion: Motion | None) -> Plan:
        found = self.handover.timeline(camera, window, motion)
        cameras, which = np.unique(found.camera, return_inverse=True)
        density = np.zeros((len(cameras), found.density.shape[1]))
        np.add.at(density, which, found.density)
        gone = np.concatenate([[0.0], np.cumsum(found.someone)[:-1]])
        bins = np.arange(density.shape[1]) * self.handover.ways.bin_s
        left = np.where(bins < self.handover.gap_s, 1.0, found.alone) - gone
        return cameras, density / np.maximum(left, 1e-9), density.sum(axis=1)


def motions(site: Site, people: Walk, truth: TrueHandovers, chosen: np.ndarray) -> list[Motion | None]:
    """How targets moved, as a detector sees it: from the first foot point of the last second to the last."""
    rng = np.random.default_rng([site.spec.seed, 77])
    found: list[Motion | None] = []
    for k in chosen.tolist():
        camera, tick = site.cameras[truth.camera[k]], int(truth.tick[k])
        steps = np.arange(max(tick - round(CLOCK.fps), 0), tick + 1)
        pixels = camera.to_image(people.positions[steps, truth.person[k]].astype(np.float64))
        pixels += rng.normal(0.0, site.spec.foot_noise_px, pixels.shape)
        size = np.array(camera.image_size)
        in_view = ((pixels >= 0) & (pixels <= size)).all(axis=1)
        first = int(in_view.argmax())
        seconds = (len(steps) - 1 - first) / CLOCK.fps
        if not in_view[first] or seconds < LEAST_SEEN_S:
            found.append(None)
            continue
        (x0, y0), (x, y) = camera.to_ground(pixels[[first, -1]]).tolist()
        known = bool(np.isfinite([x0, y0, x, y]).all())
        found.append(Motion(x, y, (x - x0) / seconds, (y - y0) / seconds) if known else None)
    return found


def judged(
    search: Search, truth: TrueHandovers, chosen: np.ndarray, cameras: int, moving: list[Motion | None],
    stayed: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    """How a search does on true handovers; sums that seeds can be added up by.

    Args:
        search: what is looked at.
        truth, chosen: the handovers, and which of them.
        cameras: of the network.
        moving: of each that is chosen, how it moved; None: not known.
        stayed: bool, of each, whether it was on the site all the while.
    """
    names = ("found", "fixed", "frames", "all_frames", "seen_frames")
    total = dict.fromkeys(names, 0.0)
    by_kind = {"now": [0, 0, 0], "later": [0, 0, 0], "later_on_site": [0, 0, 0]}
    found_at = np.zeros(len(THRESHOLDS))
    looked_at, shown_at = np.zeros(len(THRESHOLDS)), np.zeros(len(THRESHOLDS))
    for k, motion, there in zip(chosen.tolist(), moving, stayed.tolist(), strict=True):
        right = truth.next_camera[truth.start[k] : truth.start[k + 1]]
        numbers, chance, ever = search.plan(int(truth.camera[k]), int(truth.window[k]), motion)
        lag = int(truth.lag[k])
        last = min((lag - 1) // search.bin_ticks, chance.shape[1] - 1)
        # Ticks of each bin that pass until they appear.
        ticks = np.full(last + 1, search.bin_ticks)
        ticks[-1] = lag - last * search.bin_ticks
        order = np.argsort(-chance[:, : last + 1], axis=0, kind="stable")[:TOP]
        hit = bool(np.isin(numbers[order[:, last]], right).any())
        fixed = bool(np.isin(numbers[np.argsort(-ever, kind="stable")[:TOP]], right).any())
        total["found"] += hit
        total["fixed"] += fixed
        total["frames"] += len(order) * lag
        total["all_frames"] += cameras * lag
        total["seen_frames"] += len(right)
        for kind in ["now"] if lag == 1 else ["later", *(["later_on_site"] if there else [])]:
            by_kind[kind] = [n + more for n, more in zip(by_kind[kind], (1, hit, fixed), strict=True)]
        of_right = np.isin(numbers, right)
        best = chance[of_right, last].max(initial=0.0)
        found_at += best >= THRESHOLDS
        passing = (chance[:, : last + 1, None] >= THRESHOLDS).sum(axis=0)
        looked_at += ticks @ passing
        shown_at += (chance[of_right, last][:, None] >= THRESHOLDS).sum(axis=0)
    return {
        "handovers": len(chosen), **total, "kinds": by_kind, "found_at": found_at.tolist(),
        "looked_at": looked_at.tolist(), "shown_at": shown_at.tolist(),
    }  # fmt: skip


def markov(before: TrueHandovers, truth: TrueHandovers, chosen: np.ndarray, cameras: int) -> int:
    """Found by the three commonest next cameras of each camera, counted on the truth that came before."""
    counts = np.zeros((cameras, cameras))
    np.add.at(counts, (np.repeat(before.camera, np.diff(before.start)), before.next_camera), 1)
    np.fill_diagonal(counts, 0)
    top = np.argsort(-counts, axis=1, kind="stable")[:, :TOP]
    return sum(
        bool(np.isin(top[truth.camera[k]], truth.next_camera[truth.start[k] : truth.start[k + 1]]).any())
        for k in chosen.tolist()
    )


def footage(cameras: int, minutes: float, seed: int) -> tuple[Site, Walk]:
    """A site and its people."""
    people = round(PEOPLE_PER_CAMERA * cameras)
    site = make_site(
        SiteSpec(cameras=cameras, people=people, minutes=minutes, miss_probability=0.1, seed=seed)
    )
    return site, walk(site)


def between(truth: TrueHandovers, first: int, end: int) -> np.ndarray:
    """Handovers in a span of ticks, of people whom another camera sees next."""
    own = np.repeat(truth.camera, np.diff(truth.start)) == truth.next_camera
    others = np.add.reduceat(~own, truth.start[:-1]) > 0 if len(truth) else np.zeros(0, np.bool_)
    return np.flatnonzero((truth.tick >= first) & (truth.tick < end) & others)


def measure(cameras: int, minutes: float, test_minutes: float, seed: int) -> dict[str, Any]:
    """One site."""
    site, people = footage(cameras, minutes + test_minutes, seed)
    learn_ticks = round(minutes * 60 * CLOCK.fps) // CLOCK.range_ticks * CLOCK.range_ticks
    ranges = ranges_of(site, people)[: learn_ticks // CLOCK.range_ticks]
    handover, cost = learnt(ranges, site)
    truth = true_handovers(site, people, GRID)
    chosen = between(truth, learn_ticks, people.ticks)
    search = Search(handover)
    start = time.perf_counter()
    for k in chosen[:200].tolist():
        handover.candidates(site.camera_ids[truth.camera[k]], int(truth.window[k]), most=10)
    answer_ms = (time.perf_counter() - start) / max(min(len(chosen), 200), 1) * 1000
    earlier = between(truth, 0, learn_ticks)
    known = TrueHandovers(
        *(getattr(truth, name)[earlier] for name in ("camera", "window", "tick", "person", "lag")),
        np.concatenate([[0], np.cumsum(np.diff(truth.start)[earlier])]),
        *(
            np.concatenate([getattr(truth, name)[truth.start[k] : truth.start[k + 1]] for k in earlier])
            for name in ("next_camera", "next_window")
        ),
    )
    unknown: list[Motion | None] = [None] * len(chosen)
    stayed = np.array([on_site(people, truth, k) for k in chosen.tolist()], dtype=np.bool_)
    moving = motions(site, people, truth, chosen)
    start = time.perf_counter()
    some = [k for k in range(min(len(chosen), 200)) if moving[k] is not None]
    for k in some:
        handover.candidates(
            site.camera_ids[truth.camera[chosen[k]]], int(truth.window[chosen[k]]), most=10, motion=moving[k]
        )
    moving_ms = (time.perf_counter() - start) / max(len(some), 1) * 1000
    return {
        "seed": seed, "cameras": cameras, "minutes": minutes, "people": people.people,
        **judged(search, truth, chosen, cameras, unknown, stayed),
        "moving": judged(search, truth, chosen, cameras, moving, stayed),
        "motion_known": sum(motion is not None for motion in moving) / max(len(moving), 1),
        "markov": markov(known, truth, chosen, cameras),
        "answer_ms": answer_ms, "moving_answer_ms": moving_ms, **cost,
    }  # fmt: skip


def on_site(people: Walk, truth: TrueHandovers, k: int) -> bool:
    """Whether a target was on the site from when it was lost until it was seen again."""
    since = int(truth.tick[k])
    there = people.positions[since : since + int(truth.lag[k]), truth.person[k], 0]
    return not bool(np.isnan(there).any())


def summed(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """All seeds together."""
    total = _summed(runs)
    total["markov_top3"] = sum(run["markov"] for run in runs) / max(total["handovers"], 1)
    total["moving"] = _summed([run["moving"] for run in runs])
    return total


def _summed(runs: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("handovers", "found", "fixed", "frames", "all_frames", "seen_frames")
    total = {name: sum(run[name] for run in runs) for name in names}
    kinds = {kind: np.sum([run["kinds"][kind] for run in runs], axis=0).tolist() for kind in runs[0]["kinds"]}
    count, every = max(total["handovers"], 1), max(total["all_frames"], 1)
    found, looked, shown = (
        np.sum([run[name] for run in runs], axis=0) for name in ("found_at", "looked_at", "shown_at")
    )
    on_site = [n + more for n, more in zip(kinds["now"], kinds["later_on_site"], strict=True)]
    return {
        "handovers": total["handovers"],
        "top3": total["found"] / count,
        "frames": total["frames"] / every,
        "fixed_top3": total["fixed"] / count,
        "all_cameras_precision": total["seen_frames"] / every,
        **{
            kind: {"handovers": many, "top3": hit / max(many, 1), "fixed_top3": fixed / max(many, 1)}
            for kind, (many, hit, fixed) in {**kinds, "on_site": on_site}.items()
        },
        "curve": [
            {"threshold": float(t), "recall": float(f / count), "frames": float(n / every),
             "precision": float(s / n) if n else None}
            for t, f, n, s in zip(THRESHOLDS, found, looked, shown, strict=True)
        ],
    }  # fmt: skip


def draw(total: dict[str, Any], path: Path) -> None:
    """Recall against frames looked at, and against precision."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    curve = total["curve"]
    recall = [100 * point["recall"] for point in curve]
    left.semilogx([100 * point["frames"] for point in curve], recall, ".-", color="#1f77b4",
                  label="all above a probability")  # fmt: skip
    moving = total["moving"]
    left.semilogx([100 * point["frames"] for point in moving["curve"]],
                  [100 * point["recall"] for point in moving["curve"]], ".-", color="#2ca02c",
                  label="the same, its motion known")  # fmt: skip
    left.plot(100 * moving["frames"], 100 * moving["top3"], "D", color="#2ca02c",
              label="the three likeliest, motion known")  # fmt: skip
    frames = 100 * total["frames"]
    left.plot(frames, 100 * total["top3"], "o", color="#d62728", label="the three likeliest by now")
    left.plot(frames, 100 * total["fixed_top3"], "s", color="#9467bd", label="three, chosen when it left")
    left.plot(frames, 100 * total["markov_top3"], "^", color="#7f7f7f", label="Markov, cameras only")
    left.plot(100, 100, "*", color="black", label="all cameras")
    left.axvline(5, color="#b0b0b0", lw=0.8)
    left.axhline(95, color="#b0b0b0", lw=0.8)
    left.set_xlabel("camera frames looked at, % of the network")
    left.legend(frameon=False, fontsize=7, loc="lower right")
    known = [point for point in curve if point["precision"] is not None]
    right.plot([100 * p["precision"] for p in known], [100 * p["recall"] for p in known], ".-",
               color="#1f77b4")  # fmt: skip
    known = [point for point in moving["curve"] if point["precision"] is not None]
    right.plot([100 * p["precision"] for p in known], [100 * p["recall"] for p in known], ".-",
               color="#2ca02c")  # fmt: skip
    right.plot(100 * total["all_cameras_precision"], 100, "*", color="black")
    right.set_xlabel("precision of the search space, %")
    for axes in (left, right):
        axes.set_ylabel("handovers found, %")
        axes.set_ylim(0, 104)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="*", default=[31, 32, 33])
    parser.add_argument("--minutes", type=float, default=120.0, help="of footage that is learnt from")
    parser.add_argument("--test_minutes", type=float, default=20.0, help="that handovers are judged on")
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    runs = []
    for seed in arguments.seeds:
        runs.append(measure(arguments.cameras, arguments.minutes, arguments.test_minutes, seed))
        one = summed(runs[-1:])
        one["moving"] = one["moving"]["top3"], one["moving"]["on_site"]["top3"]
        print(json.dumps({"seed": seed, **{n: v for n, v in one.items() if n != "curve"}}), flush=True)
    total = summed(runs)
    result = {
        "machine": machine(), "cameras": arguments.cameras, "minutes": arguments.minutes,
        "test_minutes": arguments.test_minutes, "seeds": arguments.seeds, **total,
        "answer_ms": float(np.median([run["answer_ms"] for run in runs])),
        "moving_answer_ms": float(np.median([run["moving_answer_ms"] for run in runs])), "runs": runs,
    }  # fmt: skip
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "handover.json").write_text(json.dumps(result, indent=1) + "\n")
    draw(total, arguments.output / "handover.png")
    names = ("cameras", "handovers", "top3", "frames", "fixed_top3", "markov_top3", "answer_ms")
    moved = {f"moving_{name}": total["moving"][name] for name in ("top3", "frames", "on_site")}
    print(json.dumps({name: result[name] for name in names} | moved))


if __name__ == "__main__":
    main()
