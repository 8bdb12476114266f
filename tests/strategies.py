"""Strategies of a user's own, for tests."""

import threading
from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class TurningSettings:
    """After so many ranges the next plan."""

    every: int = 30

    def __post_init__(self):
        if self.every < 1:
            raise ValueError("every must be 1 or more")


class Turning:
    """Cameras in two groups, of which one passes to the other with every plan."""

    settings_type: ClassVar[type] = TurningSettings
    asks_links = False

    def __init__(self, cameras, padding, settings=None, seed=0):
        self.cameras, self.every, self.seed = cameras, (settings or TurningSettings()).every, seed
        self.seen = self.plans = self.work = 0
        self.indices, self.told = [], []

    def begin(self, labels):
        return self._labels()

    def _labels(self):
        return (((np.arange(self.cameras) + self.plans) // 2) % 2).astype(np.int32)

    @property
    def due(self):
        return self.seen >= self.every * (self.plans + 1)

    def watch(self, padded):
        self.seen += 1
        self.indices.append(padded.index)

    def plan(self, now, links):
        self.plans += 1
        return self._labels()

    def grow(self, cameras):
        self.cameras = cameras


class Asking(Turning):
    """One that wants to know what is linked, and joins all that is."""

    asks_links = True

    def begin(self, labels):
        return labels

    def plan(self, now, links):
        self.plans += 1
        self.told.append(list(zip(links.first.tolist(), links.second.tolist(), strict=True)))
        labels = np.arange(self.cameras, dtype=np.int32)
        for a, b in self.told[-1]:
            labels[labels == labels[b]] = labels[a]
        return labels


class Plain(Turning):
    """One without any options."""

    settings_type = None


class Short(Turning):
    """One whose groups are too few."""

    def plan(self, now, links):
        return super().plan(now, links)[:-1]


class Floats(Turning):
    """One whose groups are no numbers of groups."""

    def plan(self, now, links):
        return np.full(self.cameras, np.nan) if self.seen > 3 else super().plan(now, links)


class Raising(Turning):
    """One that raises."""

    def plan(self, now, links):
        if self.seen > 3:
            raise RuntimeError("of the user's own")
        return super().plan(now, links)


class Blind(Turning):
    """One that raises when it sees something."""

    def watch(self, padded):
        super().watch(padded)
        if self.seen > 20:
            raise KeyError("what")


class Slow(Turning):
    """One whose plans take until they may go on."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.go_on = threading.Event()

    def plan(self, now, links):
        if self.seen > 3:
            assert self.go_on.wait(60)
        return super().plan(now, links)
