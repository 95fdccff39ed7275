"""A room imports only from rooms below it, and what is pure is (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import blazebot

ROOT = Path(blazebot.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"

GROUND = {"errors", "settings"}
PUBLIC = "blazebot"  # the package's own names, for what is written as a user would

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"errors"},
    "http_server": set(),
    "wire": {"errors"},
    "keys": GROUND | {"wire"},
    "client": GROUND | {"wire", "keys"},
    "media": GROUND | {"wire", "keys", "client"},
    "delivery": GROUND | {"wire", "keys", "client"},
    "announce": GROUND | {"wire", "keys", "client", "media", "delivery"},
    "watch": {"errors", "http_server"},
    "bot": GROUND | {"wire", "keys", "client", "media", "delivery", "announce", "watch"},
    "jetstream": GROUND
    | {"wire", "keys", "client", "media", "delivery", "announce", "bot", "watch"},
    "mcp": GROUND | {"wire", "bot", "watch"},
    "sandbox": GROUND | {"http_server", "wire", "keys"},
    "testing": GROUND | {"wire", "keys", "client", PUBLIC},
    "conformance": GROUND | {"wire", "keys", "client", "testing"},
    "demo": GROUND | {"wire", "keys", "testing", PUBLIC},
    "cli": GROUND
    | {"wire", "keys", "client", "media", "delivery", "announce", "bot", "testing", "conformance"}
    | {"demo", "sandbox", "jetstream", "mcp"},
}

# What a pure module must not touch.
IMPURE = {
    *("aiohttp", "asyncio", "os", "pathlib", "random", "secrets", "socket", "sqlite3"),
    *("subprocess", "threading", "time", "urllib.request"),
}


def described() -> dict[str, str]:
    """Return what the page says of each room."""
    (shown,) = re.findall(r"^    blazebot/\n(.*?)^$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return dict(re.findall(r"^ {6}(\w+)(?:/|\.py) +(.*?)(?=^ {6}\w|\Z)", shown, re.M | re.S))


def pure() -> list[Path]:
    """Return the modules that the page lists as pure."""
    listed = sorted((ROOT / "wire").rglob("*.py"))
    for name, text in described().items():
        _, _, modules = re.sub(r"\([^)]*\)", "", text).partition("\n" + " " * 19 + "pure: ")
        listed += [ROOT / name / f"{one.strip()}.py" for one in modules.split(",") if one.strip()]
    return listed


def imported(path: Path) -> set[str]:
    """Return the full names of all modules that a file imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            names.add(node.module or "")
    return names


def room(name: str) -> str:
    """Return the room of a module of the package by its full name."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else PUBLIC


@pytest.mark.parametrize("name", sorted(MAY_IMPORT))
def test_a_room_imports_only_from_rooms_below(name: str) -> None:
    files = [ROOT / f"{name}.py"] if (ROOT / f"{name}.py").exists() else (ROOT / name).rglob("*.py")
    for path in files:
        rooms = {room(one) for one in imported(path) if one.split(".")[0] == "blazebot"}
        assert rooms <= MAY_IMPORT[name] | {name}, path


def test_every_room_is_listed() -> None:
    rooms = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert rooms <= set(MAY_IMPORT) == set(described())


@pytest.mark.parametrize("path", pure(), ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_modules_touch_nothing_outside(path: Path) -> None:
    names = imported(path)
    assert not (names | {one.split(".")[0] for one in names}) & IMPURE


def test_what_is_not_pure_is_found_out() -> None:
    for name in ("client/proxies", "client/quota", "delivery/outbox_store"):
        with pytest.raises(AssertionError):
            test_pure_modules_touch_nothing_outside(ROOT / f"{name}.py")


@pytest.mark.parametrize(
    ("module", "later"),
    [
        ("blazebot", {"aiohttp", "nats", "rich", "typer"}),
        ("blazebot.cli.main", {"aiohttp", "nats", "rich"}),
    ],
)
def test_an_import_takes_nothing_along_that_comes_later(module: str, later: set[str]) -> None:
    code = f"import sys, {module}; print({later} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
