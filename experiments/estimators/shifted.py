"""How many links are found between cameras that have nothing to do with each other?

    python -m experiments.estimators.shifted cameras=100
    python -m experiments.estimators.shifted -m cameras=100 seed=201,202,203,204,205

Cameras are put in groups at random, and each group's footage is turned round by an offset of its own (see
sdist_ray.topology.null). Links within a group are those that there are; every link across groups is false.
Two things are told for each promised rate: of all links found in the whole, which share is across groups
(``mixed``); and how many are found where pairs across groups are all there is (``null``), where any is one
too many: the promised rate is then the share of footages with any. conf/shifted.yaml has all settings.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from omegaconf import DictConfig

from experiments.estimators.footage import occupied
from experiments.estimators.score import count
from experiments.partitioning.run import add
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.topology.estimators import ESTIMATORS
from sdist_ray.topology.evidence import NetworkEvidence
from sdist_ray.topology.links import mutual_links
from sdist_ray.topology.null import shift_ranges
from sdist_ray.topology.significance import chance, chance_both_ways, confidence

RATES = (0.01, 0.05)
RULES = (("raw", 0.3), ("corrected", 0.3), ("corrected", 0.6), ("nonexclusion", 0.8))
"""Estimators and thresholds that links must pass as well."""
STRONG = 2
"""The first of RULES whose pairs a network of 1000 cameras has room for."""
TAILS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


def run(config: DictConfig) -> dict[str, Any]:
    """A run's settings and what came of it."""
    footage = occupied(
        config.cameras, config.people, config.minutes, config.misses, config.noise_px, config.seed
    )
    group = np.random.default_rng(config.seed).permutation(np.arange(config.cameras) % config.groups)
    began = time.process_time()
    found = measure(*footage, group, config.weak)
    settings = {str(key): config[key] for key in config if key not in ("study", "output")}
    return {"settings": settings, "cpu_s": round(time.process_time() - began, 1), **found}


def measure(
    cameras: tuple[str, ...],
    padding: Padding,
    ranges: list[SparseRange],
    group: np.ndarray,
    weak: bool = True,
) -> dict[str, Any]:
    """What is found where each group of cameras is turned round by its share of the footage.

    Unless ``weak``, pairs that RULES from STRONG on would not look at are left out: they are too many.
    """
    groups, windows = int(group.max()) + 1, padding.grid.windows
    offsets = (group * len(ranges) // groups).astype(np.int64)
    ranges = shift_ranges(ranges, offsets, windows)
    rule = () if weak else RULES[STRONG]
    counted = count(cameras, padding, ranges, *rule)
    links = mutual_links(counted.directed, cameras, windows)
    evidence = NetworkEvidence(counted.rates)
    a, b = links.camera_a * windows + links.window_a, links.camera_b * windows + links.window_b
    forth = evidence.pairs(a, b, links.opportunities_ab - links.exclusions_ab, links.opportunities_ab)
    back = evidence.pairs(b, a, links.opportunities_ba - links.exclusions_ba, links.opportunities_ba)
    p_values = chance_both_ways(chance(forth), chance(back))
    false = group[links.camera_a] != group[links.camera_b]
    tested = evidence.tested()
    across = tested - evidence.tested([np.flatnonzero(group == number).tolist() for number in range(groups)])
    rules = []
    for name, threshold in RULES if weak else RULES[STRONG:]:
        score = ESTIMATORS[name].score
        passes = (score(forth) > threshold) & (score(back) > threshold)
        sure, alone = confidence(p_values[passes], tested), confidence(p_values[passes & false], across)
        rates = []
        for rate in RATES:
            kept = sure >= 1 - rate
            rates.append(
                {
                    "promised": rate,
                    "mixed": {"links": int(kept.sum()), "false": int((kept & false[passes]).sum())},
                    "null": {"false": int((alone >= 1 - rate).sum())},
                }
            )
        plain = {"links": int(passes.sum()), "false": int((passes & false).sum())}
        rules.append({"estimator": name, "threshold": threshold, "without_rate": plain, "rates": rates})
    tails = [[tail, int((p_values[false] <= tail).sum()), round(tail * across, 3)] for tail in TAILS]
    return {"tested": tested, "across": across, "rules": rules, "below_found_promised": tails}


@hydra.main(version_base="1.3", config_path="conf", config_name="shifted")
def main(config: DictConfig) -> None:
    result = run(config)
    add(Path(config.output) / f"{config.study}.json", result)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
