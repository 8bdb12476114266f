"""The settings of evidence: by what links are judged."""

from __future__ import annotations

from sdist_ray.settings_detector import require
from sdist_ray.topology.estimators import ESTIMATORS

MOST_FDR = 0.5


def check_evidence(estimator: str, threshold: float, fdr: float | None) -> None:
    """Raise InputError where a value is out of its range."""
    require("topology.estimator", estimator, estimator in ESTIMATORS, tuple(ESTIMATORS))
    require("topology.threshold", threshold, 0 <= threshold < 1, "0 to 1")
    fits = fdr is None or 0 < fdr <= MOST_FDR
    require("topology.fdr", fdr, fits, f"above 0, at most {MOST_FDR:g}, or null: by the threshold alone")
