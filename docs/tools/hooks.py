"""What mkdocs is told while it builds the site; see https://www.mkdocs.org/dev-guide/plugins/#events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# The hook's own folder is on the path while it is loaded.
from pages import ROOT, benchmark_pages, for_site, outside_pages

BENCHMARKS, MORE = "Benchmarks", "More"
"""Of the navigation: what gets all benchmarks, and what gets pages that nobody listed."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave out of the navigation what is not there (yet), and put in what nobody listed."""
    listed: set[str] = set()
    for entry in config.nav or []:
        if BENCHMARKS in entry:
            entry[BENCHMARKS] += [
                {place.removeprefix("benchmarks/").removesuffix(".md"): place}
                for place in benchmark_pages()
                if not place.endswith("/index.md")
            ]
    config.nav = [entry for entry in (_present(entry, listed) for entry in config.nav or []) if entry]
    left = sorted(path.name for path in Path(config.docs_dir).glob("*.md") if path.name not in listed)
    if left:
        config.nav.append({MORE: left})
    return config


def _present(entry: Any, listed: set[str]) -> Any:
    """A part of the navigation without pages that there are not; None where nothing is left."""
    if isinstance(entry, str):
        listed.add(entry)
        there = (ROOT / "docs" / entry).is_file() or entry in OUTSIDE
        return entry if there or "*" in entry else None
    if isinstance(entry, dict):
        (title, inside), *_ = entry.items()
        kept = _present(inside, listed)
        return {title: kept} if kept else None
    return [kept for kept in (_present(inner, listed) for inner in entry) if kept]


OUTSIDE = {**outside_pages(), **dict.fromkeys(benchmark_pages(), ROOT)}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside docs/."""
    for place, path in outside_pages().items():
        files.append(File.generated(config, place, abs_src_path=str(path)))
    for place, text in benchmark_pages().items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to other files of the repository lead to where these are on the site."""
    source = page.file.abs_src_path
    return for_site(markdown, Path(source)) if source else markdown
