"""The layout is the architecture: imports run down the floors of the design, and there are no circles."""

import ast
from pathlib import Path

import pytest

import sdist_ray

PACKAGE = Path(sdist_ray.__file__).parent
FLOORS = {
    "errors": 0, "private": 0, "compiled": 0, "folders": 1, "usage": 1,
    "occupancy": 1, "detection": 1, "video": 1,
    "exclusion": 2, "cameras": 2,
    "topology": 3, "simulation": 3, "settings_detector": 3, "settings_live": 3, "settings_site": 3,
    "settings_evidence": 3, "settings_transit": 3, "settings_ground_plane": 3, "settings_change": 3,
    "settings": 3,
    "settings_distancing": 4, "settings_cameras": 4, "settings_serve": 4, "settings_uses": 4,
    "tracking": 5, "settings_tracking": 5,
    "commands": 7,
    "partition": 4, "distancing": 4,
    "coordinator": 5, "report": 5,
    "runtime": 6, "serve": 7, "jobs": 7, "cli": 8, "__main__": 9,
}  # fmt: skip
# Video and detection read a camera's own description; cameras know only the grid.
SIDEWAYS = {("video", "cameras"), ("detection", "cameras")}
PURE = ("occupancy", "exclusion", "topology", "partition", "distancing", "tracking", "coordinator")
HEAVY = {"ray", "cv2", "hydra", "omegaconf", "pyarrow"}


def room(path):
    inside = path.relative_to(PACKAGE).parts
    return inside[0] if len(inside) > 1 else path.stem


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_down_the_floors(path):
    here = room(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "sdist_ray" and rest:
            there = rest.split(".")[0]
            if there != here and (here, there) not in SIDEWAYS:
                assert FLOORS[there] <= FLOORS[here], f"{path.name} imports {name}, which is above it"
                assert here == "jobs" or there not in ("jobs", "serve"), f"{path.name} imports {name}"
        if here in PURE and not path.name.startswith("recording"):
            assert top not in HEAVY, f"{path.name} imports {top}"
        if top == "ray":
            assert path.parent.name == "ray", f"{path.name} imports ray"


def test_files_stay_small():
    assert not {path.name: n for path in FILES if (n := len(path.read_text().splitlines())) > 360}
