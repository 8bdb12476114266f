"""Strategies by name, from plain values."""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.occupancy.padding import Padding
from sdist_ray.partition.nursery import Nursery, NurserySettings
from sdist_ray.partition.sampling import Sampling, SamplingSettings
from sdist_ray.partition.screening import Screening, ScreeningSettings
from sdist_ray.partition.strategy import Strategy

Make = Callable[[int, Padding, Any, int], Strategy]
STRATEGIES: dict[str, tuple[type, Make]] = {
    "screening": (ScreeningSettings, Screening),
    "sampling": (SamplingSettings, Sampling),
    "nursery": (NurserySettings, Nursery),
}
"""What a strategy's options are, and what makes one: of cameras, padding, its options, and a seed."""
PARTS = ("asks_links", "begin", "due", "grow", "plan", "watch")
"""What a class must have to be a strategy; see Strategy."""


@dataclass(frozen=True)
class StrategyChoice:
    """A strategy that is wanted.

    Attributes:
        kind: a key of STRATEGIES, or "module:Class" for one of the user's own; such a class says with
            ``settings_type`` which dataclass its options are.
        options: by name; those of settings within settings are named as if they were not.
        seed: of what is random.

    Raises:
        InputError: there is no such strategy, or an option that it does not have or cannot take.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        settings_type, _ = self._found()
        left = dict(self.options)
        _settings(self.kind, settings_type, left)
        if left:
            known = ", ".join(sorted(_names(settings_type))) or "none"
            raise InputError(
                f"partition.options.{min(left)}: {self.kind} has no such option; it has: {known}"
            )

    def make(self, cameras: int, padding: Padding) -> Strategy:
        """The strategy, for a network of so many cameras."""
        settings_type, make = self._found()
        return make(cameras, padding, _settings(self.kind, settings_type, dict(self.options)), self.seed)

    def _found(self) -> tuple[type, Make]:
        if self.kind in STRATEGIES:
            return STRATEGIES[self.kind]
        module, _, name = self.kind.partition(":")
        if not all(part.isidentifier() for part in [*module.split("."), name]):
            raise InputError(f"partition {self.kind!r}: there are {', '.join(STRATEGIES)}, and module:Class")
        try:
            made = getattr(importlib.import_module(module), name)
        except (Exception, SystemExit) as error:
            # Of the user's own code, which may be anything.
            said = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"partition {self.kind!r}: {type(error).__name__}: {said}") from error
        lacking = [part for part in PARTS if not hasattr(made, part)]
        if not isinstance(made, type) or lacking:
            raise InputError(
                f"partition {self.kind!r} is no strategy: it lacks {', '.join(lacking) or 'a constructor'}"
            )
        settings_type = getattr(made, "settings_type", None) or _NoOptions
        if not (isinstance(settings_type, type) and dataclasses.is_dataclass(settings_type)):
            raise InputError(f"partition {self.kind!r}: its settings_type is no dataclass")
        return settings_type, made


@dataclass(frozen=True)
class _NoOptions:
    pass


def _settings(kind: str, settings_type: type, left: dict[str, Any]) -> Any:
    """Settings with the options that they know, which are taken out of ``left``."""
    values: dict[str, Any] = {}
    for entry in dataclasses.fields(settings_type):
        default = entry.default
        if default is dataclasses.MISSING and entry.default_factory is not dataclasses.MISSING:
            default = entry.default_factory()
        if default is dataclasses.MISSING:
            raise InputError(f"partition {kind!r}: its option {entry.name} has no default")
        if dataclasses.is_dataclass(default):
            values[entry.name] = _settings(kind, type(default), left)
        elif entry.name in left:
            value = left.pop(entry.name)
            fits = isinstance(value, type(default)) or (isinstance(default, float) and type(value) is int)
            fits = fits and (not isinstance(value, float) or math.isfinite(value))
            if not fits or isinstance(value, bool) is not isinstance(default, bool):
                raise InputError(
                    f"partition.options.{entry.name} is {value!r}, not as its default, {default!r}"
                )
            values[entry.name] = value
    try:
        return settings_type(**values)
    except ValueError as error:
        raise InputError(f"partition.options of {kind}: {error}") from error


def _names(settings_type: type) -> list[str]:
    names: list[str] = []
    for entry in dataclasses.fields(settings_type):
        made = entry.default_factory
        inner = type(made()) if made is not dataclasses.MISSING else None
        names += _names(inner) if inner is not None and dataclasses.is_dataclass(inner) else [entry.name]
    return names
