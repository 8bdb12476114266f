"""The default strategy, and the CPU seconds that it takes; for ``benchmarks.partitioned``."""

from __future__ import annotations

import time
from typing import ClassVar

from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.partition.grouping import Labels
from sdist_ray.partition.screening import Screening, ScreeningSettings
from sdist_ray.partition.strategy import CameraLinks


class TimedScreening(Screening):
    """The default strategy, and the CPU seconds that it takes."""

    settings_type: ClassVar[type] = ScreeningSettings
    watch_s = plan_s = 0.0

    def watch(self, padded: PaddedRange) -> None:
        """See Strategy."""
        began = time.thread_time()
        super().watch(padded)
        TimedScreening.watch_s += time.thread_time() - began

    def plan(self, now: Labels, links: CameraLinks) -> Labels:
        """See Strategy."""
        began = time.thread_time()
        labels = super().plan(now, links)
        TimedScreening.plan_s += time.thread_time() - began
        return labels
