"""argv to a job and its settings. Hydra stops here."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sdist_ray.commands import COMMANDS, POSITIONAL
from sdist_ray.errors import InputError
from sdist_ray.folders import leave_nothing_empty
from sdist_ray.settings import conf_folder
from sdist_ray.settings_detector import DETECTORS
from sdist_ray.settings_site import SITES
from sdist_ray.usage import USAGE, answer

FLAGS_WITH_A_VALUE = ("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn",
                      "--config-dir", "-cd")  # fmt: skip
INFOS = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
"""Of Hydra's own, and what --info shows."""


class Terminated(BaseException):
    """The process was asked to end (SIGTERM)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the process's exit code: 0 done, 2 bad input, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if (told := answer(arguments)) is not None:
        print(told, end="")
        return 0
    command, overrides = arguments[0], arguments[1:]
    parts = [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{command} ")]
    if parts:
        if overrides[:1] in ([], ["-h"], ["--help"]):
            print(USAGE, end="")
            return 0
        command, overrides = f"{command} {overrides[0][:60]}", overrides[1:]
    if command not in COMMANDS:
        return _complain(f"no command {command[:60]!r}; there are {', '.join(COMMANDS)}")
    # Hydra then raises what is wrong rather than print its own account of it and exit.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    signal.signal(signal.SIGTERM, _terminate)
    try:
        _run(command, _as_settings(command, overrides))
    except InputError as error:
        return _complain(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        return _complain(_setting_problem(error, command))
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        return _complain(f"{place}{error.strerror}")
    except KeyboardInterrupt as interrupt:
        print(f"sdist-ray: interrupted{_kept(interrupt)}", file=sys.stderr)
        return 130
    except Terminated as interrupt:
        print(f"sdist-ray: terminated{_kept(interrupt)}", file=sys.stderr)
        return 143
    finally:
        leave_nothing_empty()
    return 0


def _run(command: str, overrides: Sequence[str]) -> None:
    name = command.replace(" ", "_")
    ConfigStore.instance().store(name=f"{name}_schema", node=COMMANDS[command])
    for detector, schema in DETECTORS.items():
        ConfigStore.instance().store(name=f"{detector}_detector", node=schema)
    for site, schema in SITES.items():
        ConfigStore.instance().store(name=f"{site}_site", node=schema)
    job = importlib.import_module(f"sdist_ray.jobs.{name}")

    errors: list[Exception] = []

    def task(config: DictConfig) -> None:
        if HydraConfig.get().mode == RunMode.MULTIRUN and "output" in config and command not in POSITIONAL:
            config.output = HydraConfig.get().runtime.output_dir
        # Hydra would print a line of its own about an error that passed through it.
        try:
            settings: Any = OmegaConf.to_object(config)
            settings.check()
            job.run(settings, OmegaConf.to_yaml(config, resolve=True))
        except (InputError, OSError, OmegaConfBaseException) as error:
            errors.append(error)

    decorate: Callable[[Any], Callable[[], None]] = hydra.main(
        version_base="1.3", config_path=str(conf_folder()), config_name=name
    )
    before = sys.argv
    sys.argv = [f"sdist-ray {command}", *overrides]
    try:
        decorate(task)()
    finally:
        sys.argv = before
    if errors:
        raise errors[0]


def _as_settings(command: str, words: Sequence[str]) -> list[str]:
    """Plain words as the settings that they stand for."""
    flags, rest, left = [], [], list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            rest += left
            break
        if word in ("--info", "-i"):
            # What it shows may follow, and what else stands behind it is not that.
            flags.append(f"--info={left.pop(0) if left and left[0] in INFOS else 'all'}")
        elif word.startswith("-"):
            flags += [word, *([left.pop(0) if left else ""] if word in FLAGS_WITH_A_VALUE else [])]
        else:
            rest.append(word)
    names = list(POSITIONAL.get(command, ()))
    if not names:
        if strange := [word for word in rest if word.startswith("-")]:
            raise InputError(f"{strange[0][:60]!r} is no setting; key=value would be right")
        # Hydra takes flags before settings only.
        return flags + rest
    settings, many = [], []
    for word in rest:
        if re.match(r"[+~]*[\w.@/]+=", word):
            settings.append(word)
        elif names:
            quoted = "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
            if names[0].endswith("*"):
                many.append(quoted)
            else:
                settings.append(f"{names.pop(0)}={quoted}")
        else:
            raise InputError(
                f"{word[:60]!r} is one word too many (sdist-ray {command} --help shows the usage)"
            )
    if many:
        settings.append(f"{names[0].rstrip('*')}=[{','.join(many)}]")
    return flags + settings


def _setting_problem(error: Exception, command: str) -> str:
    """Hydra's account of a wrong setting, in one line."""
    cause: BaseException = error
    while cause.__cause__ is not None and isinstance(
        cause.__cause__, HydraException | OmegaConfBaseException
    ):
        cause = cause.__cause__
    lines = [line.strip() for text in (error, cause) for line in str(text).splitlines()]
    useful = [
        line
        for line in dict.fromkeys(lines)
        if line and not line.startswith(("object_type", "full_key", "See https", "reference_type"))
    ]
    return f"{' '.join(useful[:3])} (sdist-ray {command} --help shows the settings)"


def _complain(message: str) -> int:
    print(f"sdist-ray: error: {message}", file=sys.stderr)
    return 2


def _kept(interrupt: BaseException) -> str:
    kept = "; ".join(getattr(interrupt, "__notes__", []))
    return f"; {kept}" if kept else "; no results were written"


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


if __name__ == "__main__":
    sys.exit(main())
