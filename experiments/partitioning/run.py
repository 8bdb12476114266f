"""A strategy of partitioning on a made-up city: what of the overlap is counted together, and what it costs.

    python -m experiments.partitioning.run strategy=screening start=random seed=1
    python -m experiments.partitioning.run -m study=starts strategy=screening,nursery seed=1,2,3

conf/trial.yaml has all settings. All strategies see the same footage, one sample a second. Each run is added
to <study>.json in ``output``, in place of an earlier one with the same settings; plots.py draws from there.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from experiments.partitioning.trial import STARTS, TOLERANCE, Truth, footage, run_trial, start_labels
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.padding import PaddedRange, Padding
from sdist_ray.partition.nursery import Nursery, NurserySettings
from sdist_ray.partition.sampling import Sampling
from sdist_ray.partition.screening import Screening, ScreeningSettings
from sdist_ray.partition.strategy import Strategy
from sdist_ray.simulation.city import City, CitySpec, make_city

CLOCK = Clock(1.0, 60)
CYCLE_S = 7200.0
EVERYTHING = 1 << 30
DIGITS = 5


def _nursery(against: str, reverted: float = 0.25) -> Callable[[int, Padding, int], Strategy]:
    settings = NurserySettings(cycle_s=CYCLE_S, against=against, reverted=reverted)
    return lambda cameras, padding, seed: Nursery(cameras, padding, settings, seed)


def _screening(settings: ScreeningSettings) -> Callable[[int, Padding, int], Strategy]:
    return lambda cameras, padding, seed: Screening(cameras, padding, settings, seed)


STRATEGIES: dict[str, Callable[[int, Padding, int], Strategy]] = {
    "nursery": _nursery("partition"),
    "nursery_tenth": _nursery("partition", 0.1),
    "nursery_half": _nursery("partition", 0.5),
    "nursery_base": _nursery("base"),
    "nursery_camera": _nursery("camera"),
    "sampling": lambda cameras, padding, seed: Sampling(cameras, padding, None, seed),
    "screening": _screening(ScreeningSettings()),
    "screening_all": _screening(ScreeningSettings(all_up_to=EVERYTHING)),
    "screening_index": _screening(ScreeningSettings(all_up_to=0)),
}


@functools.lru_cache(maxsize=1)
def _city(cameras: int, hours: float, moved_share: float, seed: int) -> tuple[City, Truth, list[PaddedRange]]:
    """A city, what is true of it, and its footage: 5 MB an hour for 1000 cameras."""
    city = make_city(CitySpec(cameras=cameras, minutes=hours * 60, moved_share=moved_share, seed=seed))
    return city, Truth(city, hours), list(footage(city, CLOCK, hours))


def run(config: DictConfig) -> dict[str, Any]:
    """A run's settings and what came of it; cycles are a list a column."""
    if config.strategy not in STRATEGIES or config.start not in STARTS:
        raise SystemExit(f"strategy is one of {', '.join(STRATEGIES)}, start one of {', '.join(STARTS)}")
    city, truth, ranges = _city(config.cameras, config.hours, config.moved_share, config.city)
    began = time.process_time()
    strategy = STRATEGIES[config.strategy](
        config.cameras, Padding(city.spec.grid, CLOCK, TOLERANCE), config.seed
    )
    start = start_labels(city, config.start, config.seed)
    cycles, recovered = run_trial(city, truth, strategy, start, CLOCK, ranges)
    rows = [asdict(cycle) for cycle in cycles]
    return {
        "settings": {str(key): config[key] for key in config if key not in ("study", "output")},
        "cpu_s": round(time.process_time() - began, 1),
        "recovered": [_rounded(entry) for entry in recovered],
        "cycles": {key: [_rounded(row)[key] for row in rows] for key in rows[0]},
    }


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, DIGITS) if isinstance(value, float) else value for key, value in row.items()}


def add(path: Path, result: dict[str, Any]) -> None:
    """Add a run to a study's file."""
    runs = json.loads(path.read_text()) if path.exists() else []
    runs = [entry for entry in runs if entry["settings"] != result["settings"]] + [result]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in runs) + "\n]\n")


@hydra.main(version_base="1.3", config_path="conf", config_name="trial")
def main(config: DictConfig) -> None:
    result = run(config)
    add(Path(config.output) / f"{config.study}.json", result)
    last = {key: column[-1] for key, column in result["cycles"].items()}
    print(json.dumps({**last, **result["settings"], "cpu_s": result["cpu_s"]}), flush=True)


if __name__ == "__main__":
    main()
