"""Every estimator on one footage: precision and recall of windows, cameras and searches.

    python -m experiments.estimators.run people=60 minutes=2.5 seed=201
    python -m experiments.estimators.run -m study=activity people=20,60,120 minutes=2.5,5,10 seed=201,202,203
    python -m experiments.estimators.run source=wildtrack study=real
    python -m experiments.estimators.run source=scenescape recording=occupancy.parquet study=real

conf/trial.yaml has all settings. Each run is added to <study>.json in ``output``, in place of an earlier one
with the same settings; plots.py draws from there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from experiments.estimators import ground
from experiments.estimators.footage import Footage, scenescape_video, simulated, wildtrack_boxes
from experiments.estimators.score import count, levels, score
from experiments.partitioning.run import add

OWN = {
    "simulation": ("cameras", "people", "minutes", "misses", "noise_px", "seed"),
    "wildtrack": ("misses", "noise_px", "seed"),
    "scenescape": (),
}


def footage_of(config: DictConfig) -> Footage:
    """The footage that the settings name."""
    if config.source not in OWN:
        raise SystemExit(f"source is one of {', '.join(OWN)}")
    if config.source == "wildtrack":
        folder = Path(config.data) / "wildtrack"
        return wildtrack_boxes(folder, config.misses, config.noise_px, config.seed)
    if config.source == "scenescape":
        if not config.recording:
            raise SystemExit("source=scenescape needs recording=FILE, of sdist-ray record")
        return scenescape_video(Path(config.data) / "scenescape", Path(config.recording))
    return simulated(
        config.cameras, config.people, config.minutes, config.misses, config.noise_px, config.seed
    )


def run(config: DictConfig) -> dict[str, Any]:
    """A run's settings and what came of it."""
    footage = footage_of(config)
    began = time.process_time()
    counted = count(footage.cameras, footage.padding, footage.ranges)
    scored = score(footage, counted)
    estimators = levels(footage, counted, scored)
    if config.ground and any(len(tick) for tick, _, _ in footage.feet):
        estimators[ground.NAME] = ground.ground_levels(footage, counted)
    settings = {"source": config.source} | {name: config[name] for name in OWN[config.source]}
    return {
        "settings": settings,
        "cpu_s": round(time.process_time() - began, 1),
        "candidates": len(scored.a),
        "estimators": estimators,
    }


@hydra.main(version_base="1.3", config_path="conf", config_name="trial")
def main(config: DictConfig) -> None:
    result = run(config)
    add(Path(config.output) / f"{config.study}.json", result)
    best = {
        name: {level: entry["average_precision"] for level, entry in of.items()}
        for name, of in result["estimators"].items()
    }
    print(json.dumps({**result["settings"], "average_precision": best}), flush=True)


if __name__ == "__main__":
    main()
