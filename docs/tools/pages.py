"""Pages of the documentation's site that lie elsewhere in the repository, or are made of files there."""

from __future__ import annotations

import ast
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
HEADLINES = Path(__file__).with_name("headlines.yaml")
ELSEWHERE = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md",
             "SECURITY.md": "security.md"}  # fmt: skip
"""Pages at the repository's root, by what they are on the site."""
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
ENTRY = re.compile(r"(?:[-*]|\d\.) ")
CODE = re.compile(r"`[^`]+`")
MOST_OPEN = 12
"""Rows of a table that is shown at once; longer ones are folded."""
MOST_VALUES = 6
"""Numbers of a list that are told one by one; of more, how many they are and what they lie between."""


def outside_pages() -> dict[str, Path]:
    """Files outside docs/ that the site has, by their place on the site."""
    found = {site: ROOT / name for name, site in ELSEWHERE.items()}
    for path in sorted((ROOT / "experiments").glob("*/*")):
        if path.suffix == ".png" or path.name == "README.md":
            found[site_place(path)] = path
    for path in sorted(RESULTS.iterdir()):
        found[site_place(path)] = path
    for path in sorted((ROOT / "examples").iterdir()):
        if path.suffix == ".py" or path.name == "README.md":
            found[site_place(path)] = path
    return found


def site_place(path: Path) -> str:
    """Where a file of the repository is on the site: docs/ is its root, a folder's README its index."""
    name = path.relative_to(ROOT).as_posix()
    name = ELSEWHERE.get(name, name).removeprefix("docs/")
    return name.removesuffix("README.md") + "index.md" if name.endswith("/README.md") else name


def for_site(markdown: str, source: Path) -> str:
    """A page's text with links as they are on the site, and what GitHub and Python-Markdown read otherwise.

    Args:
        markdown: the text.
        source: the file that it is from; its links are relative to that.
    """
    here = posixpath.dirname(site_place(source))
    outside = set(outside_pages().values())

    def moved(match: re.Match[str]) -> str:
        picture, text, target, anchor = match.groups()
        if "://" in target or target.startswith(("mailto:", "/")):
            return match.group()
        there = (source.parent / target).resolve()
        if there.is_dir():
            there = there / "README.md"
        if not there.is_file() or ROOT not in there.parents:
            # It is said, with the page, by mkdocs.
            return match.group()
        if there not in outside and ROOT / "docs" not in there.parents:
            # A file of the repository that the site does not have.
            return text
        return f"{picture}[{text}]({posixpath.relpath(site_place(there), here or '.')}{anchor or ''})"

    lines, fenced = [], False
    for line in markdown.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and not line.startswith("    "):
            line = LINK.sub(moved, line)
            if line.lstrip().startswith("|"):
                line = CODE.sub(lambda code: code.group().replace(r"\|", "|"), line)
        lines.append(line)
    return "\n".join(_deeper_lists(lines)) + "\n"


def _deeper_lists(lines: Iterable[str]) -> Iterator[str]:
    """What belongs to a list's entry by two spaces, or by three under a number, does so by four.

    And an entry of more than one paragraph ends with an empty line.
    """
    width, blank, parts = 0, True, False
    for line in lines:
        entry = ENTRY.match(line)
        if entry:
            if width and parts and not blank:
                yield ""
            width, parts = len(entry.group()), False
        elif width and line.strip():
            if line.startswith(" " * width):
                parts |= blank
                line = " " * (4 - width) + line
            elif blank:
                width = 0
        blank = not line.strip()
        yield line


def benchmark_pages() -> dict[str, str]:
    """The pages of all benchmarks that left figures, and their index, by their place on the site."""
    headlines = yaml.safe_load(HEADLINES.read_text())
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    about = {name: _docstring(name) for name in results}
    index = [
        "# Benchmarks",
        "",
        "Every figure below is read from the JSON files in `benchmarks/results` when these pages are made. "
        "Absolute times are those of a shared machine; ratios are of two things run in turn.",
        "",
        "| benchmark | what | figure |",
        "|---|---|---|",
    ]
    pages = {}
    for name, figures in results.items():
        pages[f"benchmarks/{name}.md"] = "\n".join(_page(name, about[name], figures)) + "\n"
        try:
            figure = headlines[name].format(**figures) if name in headlines else ""
        except (KeyError, IndexError) as error:
            raise ValueError(f"{HEADLINES}: {name}: {name}.json has no {error} any more") from error
        index.append(f"| [`{name}`]({name}.md) | {about[name][0]} | {figure} |")
    pages["benchmarks/index.md"] = "\n".join(index) + "\n"
    return pages


def _docstring(name: str) -> tuple[str, str]:
    """What a benchmark's module says that it measures: in one line, and the rest."""
    path = ROOT / "benchmarks" / f"{name}.py"
    if not path.is_file():
        path = path.with_name(f"{name.rpartition('_')[0]}.py")
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    first, _, rest = text.replace("``", "`").partition("\n")
    lines = [""]
    for line in rest.splitlines():
        indented = line.startswith("    ")
        if indented and lines[-1] and not lines[-1].startswith("    "):
            lines.append("")
        lines.append(line if indented else line.replace("*", r"\*"))
    return first.rstrip("."), "\n".join(lines)


def _page(name: str, about: tuple[str, str], figures: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"# {about[0]}", *about[1].splitlines(), "")
    for picture in sorted(RESULTS.glob("*.png")):
        # central_memory.png is one of central_node's.
        if picture.stem == name or (name == "central_node" and picture.stem.startswith("central_")):
            yield from (f"![{about[0]}](results/{picture.name})", "")
    machine = figures.get("machine")
    if machine:
        said = ", ".join(f"{key} {_cell(key, value)}" for key, value in machine.items())
        yield from (f"Measured on: {said}.", "")
    yield from _tables("", {key: value for key, value in figures.items() if key != "machine"})
    yield from ("", f"All of it: [{name}.json](results/{name}.json).")


def _tables(title: str, figures: Mapping[str, Any]) -> Iterator[str]:
    """Plain figures as one table, lists of records as one each, and what is nested after them."""
    plain = {key: value for key, value in figures.items() if not _is_nested(value)}
    nested = {key: value for key, value in figures.items() if _is_nested(value)}
    if plain:
        rows = [[f"`{key}`", _cell(key, value)] for key, value in plain.items()]
        yield from _folded(title or "figures", ["", ""], rows, always_open=not title)
    for key, value in nested.items():
        name = f"{title}, {key}" if title else key
        if isinstance(value, list):
            yield from _records(name, value)
        elif all(isinstance(entry, dict) and not _any_nested(entry) for entry in value.values()):
            yield from _records(name, [{"": entry, **inner} for entry, inner in value.items()])
        else:
            yield from _tables(name, value)


def _records(name: str, records: list[dict[str, Any]]) -> Iterator[str]:
    flat = [dict(_flat(record)) for record in records]
    columns = list(dict.fromkeys(key for record in flat for key in record))
    rows = [[_cell(key, record.get(key)) for key in columns] for record in flat]
    yield from _folded(name, [f"`{key}`" if key else "" for key in columns], rows)


def _flat(record: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        elif not (isinstance(value, list) and value and isinstance(value[0], dict | list)):
            yield f"{before}{key}", value


def _folded(name: str, head: list[str], rows: list[list[str]], always_open: bool = False) -> Iterator[str]:
    if not always_open:
        yield from (f'???{"+" if len(rows) <= MOST_OPEN else ""} note "{name.replace("_", " ")}"', "")
    indent = "" if always_open else "    "
    yield f"{indent}| {' | '.join(head)} |"
    yield f"{indent}|{'---|' * len(head)}"
    for row in rows:
        yield f"{indent}| {' | '.join(row)} |"
    yield ""


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _any_nested(entry: Mapping[str, Any]) -> bool:
    return any(_is_nested(value) for value in entry.values())


def _cell(key: str, value: Any) -> str:
    """A figure as it is read: bytes in larger units, at most four digits that matter."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        if len(value) > MOST_VALUES and all(isinstance(entry, int | float) for entry in value):
            return f"{len(value)} of {_cell(key, min(value))} to {_cell(key, max(value))}"
        return ", ".join(_cell(key, entry) for entry in value)
    if isinstance(value, int | float):
        if "bytes" in key and abs(value) >= 10_000:
            for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
                if abs(value) >= 10**power:
                    return f"{value / 10**power:.3g} {unit}"
        if isinstance(value, int):
            return f"{value:,}".replace(",", " ")
        if abs(value) >= 1000:
            return f"{value:,.0f}".replace(",", " ")
        return f"{value:.4g}"
    return str(value).replace("|", r"\|")
