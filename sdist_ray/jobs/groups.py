"""Which cameras are counted together: as a file says, or a strategy."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sdist_ray.errors import InputError, refuse_endless
from sdist_ray.partition.make import StrategyChoice
from sdist_ray.partition.partitioning import Group, Partitioning
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.network import Tally
from sdist_ray.settings import PartitionSettings

HEADER = ["camera", "group"]
MOST_BYTES = 1 << 30


def read_groups(path: Path, cameras: Collection[str]) -> Partitioning:
    """The groups of a CSV file with the header ``camera,group``, a line for every camera that is counted.

    Args:
        path: of the file.
        cameras: of the network. One that the file does not have is counted with nobody.

    Raises:
        InputError: there is no such file, or a line of it is not what it should be; says which line.
    """
    group_of: dict[str, str] = {}
    lines: dict[str, int] = {}
    known = set(cameras)
    try:
        refuse_endless(path)
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"partition.path={path}: too large to be a list of cameras")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            if header != HEADER:
                raise InputError(
                    f"{path}, line 1: the header is {','.join(header)[:60]!r}, not 'camera,group'"
                )
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if not any(value.strip() for value in row):
                    continue
                if len(row) != len(HEADER):
                    raise InputError(f"{where}: {len(row)} values, not a camera and its group")
                camera, group = (value.strip() for value in row)
                if not camera or not group:
                    raise InputError(f"{where}: no {'group' if camera else 'camera'}")
                if camera in lines:
                    raise InputError(
                        f"{where}: camera {camera!r} has a group in line {lines[camera]} already"
                    )
                if camera not in known:
                    raise InputError(f"{where}: camera {camera!r} is not in the network")
                group_of[camera], lines[camera] = group, reader.line_num
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8") from error
    except OSError as error:
        raise InputError(f"partition.path={path}: {error.strerror or error}") from error
    if not group_of:
        raise InputError(f"{path}: no camera has a group")
    return Partitioning.of(group_of)


def in_groups(network: NetworkSpec, settings: PartitionSettings) -> NetworkSpec:
    """The network, to be counted as the settings say.

    Raises:
        InputError: see read_groups and StrategyChoice.
    """
    if settings.kind == "none":
        return network
    strategy = chosen_strategy(settings)
    groups = None if settings.path is None else read_groups(Path(settings.path), network.cameras)
    return replace(network, partitioning=groups, strategy=strategy)


def chosen_strategy(settings: PartitionSettings) -> StrategyChoice | None:
    """The strategy that is wanted; None where there is none.

    Raises:
        InputError: see StrategyChoice.
    """
    if settings.kind in ("none", "groups"):
        return None
    return StrategyChoice(settings.kind, settings.options, settings.seed)


def write_groups(path: Path, groups: Sequence[Group]) -> None:
    """Groups as ``read_groups`` reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for number, group in enumerate(groups):
            writer.writerows((camera, f"g{number}") for camera in group)


def partition_entry(network: NetworkSpec, kind: str, tally: Tally) -> dict[str, Any]:
    """The partition's part of summary.json; ``cost_share`` is of the pairs of cameras that there are."""
    held = tally.held
    if held is None:
        return {"kind": "none"}
    newest = tally.plans[-1]
    entry = {
        "kind": kind,
        "groups": newest.groups,
        "largest_group": newest.largest,
        "cameras": sum(map(len, held.groups)),
        "cost_share": newest.pairs / len(tally.cameras) ** 2,
    }
    if network.strategy is not None:
        entry["plans"] = [asdict(plan) for plan in tally.plans]
    return entry
