"""The page of commands names every command there is, and none that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import typer.main

from blazebot.cli.main import app

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def commands(command: object, path: tuple[str, ...]) -> Iterator[str]:
    """The full names of a command and those below it."""
    below = getattr(command, "commands", {})
    if not below or getattr(command, "invoke_without_command", False):
        yield " ".join(path)
    for name, one in below.items():
        yield from commands(one, (*path, name))


def named() -> set[str]:
    """The commands in the tables; ``a b, c`` in one cell stands for ``a b`` and ``a c``."""
    found = set()
    for line in PAGE.read_text().splitlines():
        if not line.startswith("| `blazebot "):
            continue
        words = re.findall(r"`([^`]+)`", line.split("|")[1])
        prefix = ""
        for word in words:
            if word.startswith("blazebot "):
                plain = [one for one in word.split() if re.fullmatch("[a-z-]+", one)]
                prefix = " ".join(plain[:-1])
                found.add(" ".join(plain))
            else:
                found.add(f"{prefix} {word}")
    return found


def test_the_page_has_every_command() -> None:
    existing = set(commands(typer.main.get_command(app), ("blazebot",)))
    groups = {"blazebot dead-letters", "blazebot announcements"}  # which list, by themselves
    assert named() | groups == existing | groups
