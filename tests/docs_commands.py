"""Commands in the documentation's pages: found, and what the page says is to be done with each.

CONTRIBUTING.md says what the comments mean that stand before a block.
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs/tutorial.md"
PAGES = (
    TUTORIAL, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(set(ROOT.glob("docs/*.md")) - {TUTORIAL}),
    *sorted(ROOT.glob("examples/*.md")), *sorted(ROOT.glob("experiments/*/README.md")),
)  # fmt: skip
PROGRAM = re.compile(
    r"(?:[A-Z][A-Z_]*=\S* )*(?:sdist-ray|python3?|pip|pytest|ray|mkdocs|ruff|pre-commit|curl|apt-get|ssh"
    r"|openssl|kubectl|docker|helm|git|jq|export|\.ci/run)(?: |$)"
)
"""How a line begins that is a command."""
COMMENT = re.compile(r"<!-- (run|not run|file|needs): (.+?) -->", re.DOTALL)


@dataclass
class Block:
    """Lines of a page that stand indented or fenced.

    Attributes:
        page, line: where it begins, from 1.
        lines: its text.
        notes: what comments before it say, by their word.
    """

    page: Path
    line: int
    lines: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self):
        """Its commands, each on one line, without the comment behind it; none where it is anything else."""
        found, going_on = [], False
        for line in self.lines:
            if going_on:
                found[-1] += " " + line.strip()
            elif PROGRAM.match(line):
                found.append(line)
            else:
                going_on = False
                continue
            going_on = found[-1].endswith("\\")
            found[-1] = found[-1].removesuffix("\\").strip()
        return [part for command in found for part in _each(command)]


def _each(command):
    """The commands that && joins, without comments."""
    words = shlex.split(command, comments=True, posix=False)
    joined = " ".join(words).split(" && ")
    return [part for part in joined if part]


def blocks(page):
    """All blocks of a page, in their order."""
    found, notes, fence, block, indent = [], {}, None, None, ""
    lines = page.read_text().splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        if fence is not None:
            if line.strip() == fence:
                fence = block = None
            else:
                block.lines.append(line.removeprefix(indent))
        elif line.strip().startswith("```"):
            fence, indent = "```", line[: len(line) - len(line.lstrip())]
            block = Block(page, number + 2, notes=notes)
            found.append(block)
            notes = {}
        elif line.startswith("<!--"):
            text = line
            while "-->" not in text:
                number += 1
                text += " " + lines[number]
            for word, value in COMMENT.findall(text):
                notes[word] = value
            block = None
        elif line.startswith("    ") and (block is not None or not lines[number - 1].strip()):
            if block is None:
                block = Block(page, number + 1, notes=notes)
                found.append(block)
                notes = {}
            block.lines.append(line[4:])
        elif line.strip():
            # A comment is about the block that comes next, whatever text is between.
            block = None
        elif block is not None:
            block.lines.append("")
        number += 1
    return found


def inline(page):
    """Commands within a page's text, in backticks, that name no placeholder."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return re.findall(r"`((?:SDIST_\S+=\S+ )?(?:sdist-ray|python -m) [^`\n]+)`", text)
