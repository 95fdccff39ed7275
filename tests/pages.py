"""Pages of the documentation: their sections, and the fenced blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page above its first."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Section:
    """What is under a heading of a page."""

    page: str
    title: str
    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.title}"


def sections(path: Path) -> list[Section]:
    """Return the sections of a page that have a block of Python."""
    page = path.read_text()
    found = []
    starts = [0, *(match.start() for match in re.finditer(r"^## ", page, re.MULTILINE)), len(page)]
    for start, end in pairwise(starts):
        title = page[start:end].partition("\n")[0].lstrip("# ")
        blocks = tuple(
            Block(match[1], match[2], page.count("\n", 0, match.start(2)))
            for match in _BLOCK.finditer(page, start, end)
        )
        if any(block.language == "python" for block in blocks):
            found.append(Section(str(path.relative_to(DOCS)), title, blocks))
    return found


def run(section: Section, block: Block, names: dict[str, object]) -> None:
    """Run Python with the lines of its page in tracebacks and errors."""
    code = compile(
        "\n" * block.line + block.text, f"docs/{section.page}", "exec", dont_inherit=True
    )
    exec(code, names)  # noqa: S102 - it is our own
