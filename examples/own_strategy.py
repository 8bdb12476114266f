"""A partition strategy of one's own: cameras that are busy at the same times are counted together.

python examples/own_strategy.py                                   six simulated cameras
python examples/own_strategy.py occupancy.parquet --output runs/strategy

A strategy watches the whole network's occupancy, range by range, and says from time to time who is to be
counted with whom; see sdist_ray.Strategy for what each method is for.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sdist_ray import CameraLinks, PaddedRange, Padding, main

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class BusyTogetherSettings:
    """What +partition.options.NAME=value sets; every one needs a default.

    Attributes:
        every_s: seconds of footage between two plans.
        most: cameras in a group.
    """

    every_s: float = 30.0
    most: int = 4


class BusyTogether:
    """Pairs of cameras whose activity rises and falls together come first into one group."""

    settings_type: ClassVar[type] = BusyTogetherSettings
    asks_links = False

    def __init__(self, cameras: int, padding: Padding, settings: BusyTogetherSettings, seed: int) -> None:
        self.cameras, self.padding, self.settings = cameras, padding, settings
        self.work = self.ranges = self.plans = 0
        self.history: list[npt.NDArray[np.float64]] = []

    def begin(self, labels: Labels) -> Labels:
        """Neighbours in the list, until something is known."""
        return (np.arange(self.cameras) // self.settings.most).astype(np.int32)

    @property
    def due(self) -> bool:
        """Whether ``every_s`` of footage have passed since the last plan."""
        clock = self.padding.clock
        return self.ranges * clock.range_ticks >= self.settings.every_s * clock.fps * (self.plans + 1)

    def watch(self, padded: PaddedRange) -> None:
        """Take note of how much was occupied in each camera during one range."""
        self.ranges += 1
        camera = padded.occupied.place // self.padding.grid.windows
        ticks = np.bitwise_count(padded.occupied.word)
        self.history.append(np.bincount(camera, ticks, minlength=self.cameras))
        self.work += len(ticks)

    def plan(self, now: Labels, links: CameraLinks) -> Labels:
        """The most alike two are put together first, as long as a group has room."""
        self.plans += 1
        busy = np.array([np.pad(row, (0, self.cameras - len(row))) for row in self.history])
        busy = (busy - busy.mean(axis=0)) / (busy.std(axis=0) + 1e-9)
        alike = busy.T @ busy
        first, second = np.triu_indices(self.cameras, 1)
        labels = np.arange(self.cameras, dtype=np.int32)
        for pair in np.argsort(-alike[first, second], kind="stable"):
            ours, theirs = labels[first[pair]], labels[second[pair]]
            if ours != theirs and np.isin(labels, (ours, theirs)).sum() <= self.settings.most:
                labels[labels == theirs] = ours
        return labels

    def grow(self, cameras: int) -> None:
        """Some cameras have joined; they come after those that there were."""
        self.cameras = cameras


def simulate(folder: Path) -> Path:
    """What ideal detectors of six cameras would see in two minutes."""
    small = ["site.cameras=6", "site.people=8", "site.minutes=2", "video=false", "runtime=local"]
    assert main(["simulate", *small, f"output={folder}"]) == 0
    return folder / "occupancy.parquet"


def run(recording: Path, output: Path) -> None:
    """Count a recording in groups that the strategy finds, and tell what they are."""
    # Here it is this very script; otherwise module:Class, of a module that Python finds.
    kind = f"partition.kind={Path(__file__).stem}:BusyTogether"
    code = main([
        "topology", "source=recording", f"source.path='{recording}'", kind, "+partition.options.most=3",
        "runtime=local", f"output={output}",
    ])  # fmt: skip
    if code:
        raise SystemExit(code)
    groups: dict[str, list[str]] = {}
    with (output / "groups.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            groups.setdefault(row["group"], []).append(row["camera"])
    for group, cameras in groups.items():
        print(f"group {group}: {', '.join(cameras)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", type=Path, nargs="?")
    parser.add_argument("--output", type=Path, default=Path("runs/example-strategy"))
    given = parser.parse_args()
    run(given.recording or simulate(given.output / "site"), given.output)
