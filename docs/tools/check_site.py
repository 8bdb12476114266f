"""That the built site takes nothing from elsewhere: ``python -m docs.tools.check_site build/site``.

Links that a reader may follow are theirs to follow; what a browser fetches by itself must lie in the folder.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src",
           "link": "href", "embed": "src", "object": "data", "use": "href"}  # fmt: skip
NOT_FETCHED = {"canonical", "next", "prev", "alternate"}
"""Relations of a link that no browser fetches."""
IN_STYLE = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])([^'\")]+)")


class _Page(HTMLParser):
    """What a page's elements have fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        values = dict(attrs)
        address = values.get(FETCHED.get(tag, ""))
        if address and (values.get("rel") or "") not in NOT_FETCHED:
            self.fetched.append(address)


def problems(site: Path) -> Iterator[str]:
    """What is fetched from elsewhere, or is not there."""
    pages = sorted(site.rglob("*.html"))
    if not pages:
        yield f"{site}: no page"
    for page in pages:
        parser = _Page()
        parser.feed(page.read_text())
        for address in parser.fetched:
            yield from _problem(page, address, site)
    for style in sorted(site.rglob("*.css")):
        for address in IN_STYLE.findall(style.read_text()):
            yield from _problem(style, address, site)


def _problem(page: Path, address: str, site: Path) -> Iterator[str]:
    if address.startswith(("data:", "#")):
        return
    if re.match(r"[a-z]+:|//", address):
        yield f"{page}: fetches {address}"
        return
    path = unquote(re.split(r"[?#]", address)[0])
    there = site / path.lstrip("/") if path.startswith("/") else page.parent / path
    # The page for addresses that there are not names everything from the site's root, wherever that is.
    if path and not there.exists() and page.name != "404.html":
        yield f"{page}: {address} is not there"


def main() -> None:
    """Say what is wrong; exit code 1 if anything is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("site", type=Path)
    found = list(problems(parser.parse_args().site))
    print("\n".join(found) or "nothing is taken from elsewhere")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
