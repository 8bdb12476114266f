"""What the project is built on: under which licences, and as a bill of materials.

    python deploy/dependencies.py               # a line for each; exit code 1 where one must not be used
    python deploy/dependencies.py --sbom FILE   # CycloneDX 1.6, JSON, of what is installed

Reads pyproject.toml and the metadata of what is installed: all that the project and its extras need (without
the extras that nobody but a developer or a GPU needs), directly or through others.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
LEFT_OUT = ("dev", "gpu", "docs")
"""Extras: of developers, and one whose packages stand in for those of another."""
PERMISSIVE = ("MIT", "MIT-0", "MIT-CMU", "BSD", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0",
              "Apache-2.0 WITH LLVM-exception", "ISC", "PSF-2.0",
              "Python-2.0", "Zlib", "Unlicense", "CC0-1.0", "HPND", "BSL-1.0", "NCSA")  # fmt: skip
BY_FILE = ("MPL-2.0",)
"""Whoever changes one of its files gives out that file: as it is, it asks for nothing."""
NOTED = {
    "av": "its wheels hold FFmpeg (LGPL-3.0-or-later by its own word), and x264 and x265 (GPL-2.0-or-later)",
    "opencv-python-headless": "its wheels hold FFmpeg, LGPL-2.1-or-later",
    "numpy": "its wheels hold libgfortran (GPL-3.0 with GCC's runtime exception) and libquadmath (LGPL-2.1)",
    "scipy": "its wheels hold libgfortran (GPL-3.0 with GCC's runtime exception) and libquadmath (LGPL-2.1)",
}
"""Libraries in wheels that are not under the package's licence: used unchanged, each a file of its own."""
SPELLINGS = (
    (r"apache", "Apache-2.0"), (r"mozilla|mpl", "MPL-2.0"), (r"\blgpl|lesser general", "LGPL"),
    (r"\bagpl|affero", "AGPL"), (r"\bgpl|general public", "GPL"),
    (r"3-clause|new bsd|modified bsd", "BSD-3-Clause"), (r"2-clause|simplified bsd", "BSD-2-Clause"),
    (r"\bbsd", "BSD"), (r"\bmit\b", "MIT"), (r"\bisc", "ISC"),
    (r"python software foundation|\bpsf", "PSF-2.0"), (r"public domain|unlicense", "Unlicense"),
    (r"hpnd", "HPND"), (r"zlib", "Zlib"),
)  # fmt: skip


@dataclass(frozen=True)
class Dependency:
    """A distribution that is installed.

    Attributes:
        name: normalised.
        version: of what is installed.
        licences: SPDX identifiers, or its own words where there is none.
        needs: names of what it needs itself.
    """

    name: str
    version: str
    licences: tuple[str, ...]
    needs: tuple[str, ...]

    @property
    def fault(self) -> str | None:
        """Why it must not be used; None where it may."""
        strange = [licence for licence in self.licences if licence not in (*PERMISSIVE, *BY_FILE)]
        if not self.licences:
            return "states no licence"
        return f"licence {', '.join(strange)}" if strange else None


def wanted() -> list[Requirement]:
    """What pyproject.toml asks for, all extras that a user installs among it."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(t for name in extras if name not in LEFT_OUT for t in extras[name])]
    return [Requirement(text) for text in texts]


def installed() -> dict[str, Dependency]:
    """All dependencies that are installed, by name."""
    waiting = [(canonicalize_name(one.name), frozenset(one.extras)) for one in wanted()]
    asked: dict[str, set[str]] = {}
    found: dict[str, set[str]] = {}
    while waiting:
        name, extras = waiting.pop()
        if name in asked and extras <= asked[name]:
            continue
        asked.setdefault(name, set()).update(extras)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        needs = found.setdefault(name, set())
        for text in distribution.requires or ():
            one = Requirement(text)
            if one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in ("", *asked[name])):
                continue
            other = canonicalize_name(one.name)
            needs.add(other)
            waiting.append((other, frozenset(one.extras)))
    return {
        name: Dependency(
            name,
            importlib.metadata.version(name),
            licences_of(importlib.metadata.metadata(name)),
            tuple(sorted(needs & found.keys())),
        )
        for name, needs in sorted(found.items())
    }


def licences_of(metadata: importlib.metadata.PackageMetadata) -> tuple[str, ...]:
    """SPDX identifiers, by a distribution's expression, else its classifiers, else its short text."""
    expression = metadata.get("License-Expression")
    if expression:
        # Of "A OR B", either may be chosen; all that remain are to be kept.
        either = [part.strip(" ()") for part in re.split(r"\bOR\b", expression)]
        chosen = next((part for part in either if part in PERMISSIVE), expression)
        return tuple(
            dict.fromkeys(re.sub(r"[()]", "", part).strip() for part in re.split(r"\bAND\b", chosen))
        )
    classifiers = [
        c.rpartition("::")[2] for c in metadata.get_all("Classifier") or () if c.startswith("License ::")
    ]
    texts = [text.strip() for text in classifiers if text.strip() != "OSI Approved"]
    stated = (metadata.get("License") or "").strip()
    if not texts and 0 < len(stated) < 200:
        texts = [stated]
    if not texts:
        return ()
    return tuple(dict.fromkeys(_spdx(text) for text in texts))


def _spdx(text: str) -> str:
    if text in PERMISSIVE:
        return text
    return next((known for pattern, known in SPELLINGS if re.search(pattern, text, re.IGNORECASE)), text)


def bill(dependencies: Iterable[Dependency]) -> dict[str, object]:
    """A CycloneDX 1.6 document. The same dependencies give the same document."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    all_of = sorted(dependencies, key=lambda one: one.name)
    reference = {one.name: f"pkg:pypi/{one.name}@{one.version}" for one in all_of}
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    direct = sorted({canonicalize_name(one.name) for one in wanted()} & reference.keys())
    components = [
        {
            "type": "library", "bom-ref": reference[one.name], "name": one.name, "version": one.version,
            "purl": reference[one.name],
            "licenses": [{"license": {"id" if _has_id(text) else "name": text}} for text in one.licences],
        }
        for one in all_of
    ]  # fmt: skip
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join([own, *reference.values()]))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": own, "name": project["name"], "version": project["version"],
                "purl": own, "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": [reference[name] for name in direct]},
            *({"ref": reference[one.name], "dependsOn": [reference[n] for n in one.needs]} for one in all_of),
        ],
    }  # fmt: skip


def _has_id(licence: str) -> bool:
    return licence in (*PERMISSIVE, *BY_FILE) and licence != "BSD"


def main() -> int:
    """Look at all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sbom", type=Path, help="write the bill of materials there")
    arguments = parser.parse_args()
    found = installed()
    if arguments.sbom is not None:
        arguments.sbom.write_text(json.dumps(bill(found.values()), indent=1) + "\n")
    faults = 0
    for one in found.values():
        note = one.fault or NOTED.get(one.name, "")
        faults += one.fault is not None
        print(f"{one.name} {one.version}: {', '.join(one.licences) or '?'}{f' ({note})' if note else ''}")
    absent = sorted({canonicalize_name(one.name) for one in wanted()} - found.keys())
    if absent:
        print(f"not installed, so not looked at: {', '.join(absent)}")
    print(f"{len(found)} dependencies, {faults} that must not be used")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
