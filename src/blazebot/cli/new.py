"""``blazebot new``: a project to begin with."""

from __future__ import annotations

import json
import keyword
import re
import sys
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Annotated, Final

import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson
from blazebot.errors import ProjectError

_NAME: Final = re.compile(r"[A-Za-z](?:[-_]?[A-Za-z0-9]+)*")
_LONGEST: Final = 64
_SUFFIX: Final = ".template"  # lest tools take the templates for what they become


def new(
    name: Annotated[str, typer.Argument(help="Its name, of letters, digits, - and _.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a project in a folder of this name: a bot, its test, and what runs them."""

    async def main() -> None:
        folder = make_project(name, Path.cwd())
        if as_json:
            print(json.dumps({"folder": str(folder), "package": package_name(name)}))  # noqa: T201
            return
        print(f"{folder.name} is made. Its README.md says how to go on:\n")  # noqa: T201
        print(f"    cd {folder.name}\n    make test")  # noqa: T201

    run(main)


def make_project(name: str, where: Path) -> Path:
    """Make a project called ``name`` in a folder of that name in ``where``; return the folder.

    Raises:
        ProjectError: the name does not do, or the folder is there and not empty, or cannot be made.
    """
    package = package_name(name)
    folder = where / name
    template = resources.files("blazebot") / "templates" / "project"
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ProjectError(f"{folder} is there already, and nothing is written over")
        for path, text in _files(template):
            parts = (package if part == "package" else part for part in path)
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            filled = Template(text).substitute(name=name, package=package)
            target.write_text(filled, encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"{error.filename or folder}: {error.strerror}") from None
    return folder


def package_name(name: str) -> str:
    """Return the name of a project's package; raises ProjectError: the name does not do."""
    package = name.lower().replace("-", "_")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise ProjectError(
            f"{name!r:.80} cannot be a project's name: that begins with a letter, goes on with "
            f"letters, digits, - and _, and has at most {_LONGEST} of them"
        )
    taken = {*sys.stdlib_module_names, *keyword.kwlist, "blazebot", "pytest_blazebot", "tests"}
    if package in taken:
        raise ProjectError(
            f"{name!r} cannot be a project's name: Python knows something else by it"
        )
    return package


def _files(folder: Traversable, *path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the files of a template: the parts of the path of each, and its text."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, *path, entry.name)
        elif entry.name.endswith(_SUFFIX):
            name = entry.name.removesuffix(_SUFFIX)
            if name.startswith("dot-"):
                name = "." + name.removeprefix("dot-")
            yield (*path, name), entry.read_text(encoding="utf-8")
