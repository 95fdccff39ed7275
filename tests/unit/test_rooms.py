"""A room imports only from rooms below it (docs/architecture.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import blazebot

ROOT = Path(blazebot.__file__).parent

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
IMPURE = {"asyncio", "aiohttp", "time", "socket", "sqlite3", "threading", "subprocess", "random"}
PURE = [
    *sorted((ROOT / "wire").glob("*.py")),
    *(ROOT / "announce" / f"{name}.py" for name in ("composer", "ids", "templates")),
    *(ROOT / "client" / f"{name}.py" for name in ("outstanding", "reconnects", "unauthorized")),
    *(ROOT / "delivery" / f"{name}.py" for name in ("inbox", "retries", "message_ids", "quota")),
    *(ROOT / "watch" / f"{name}.py" for name in ("counts", "guard", "histogram")),
    *(
        ROOT / "bot" / f"{name}.py"
        for name in ("jobs/schedules", "buttons/tokens", "states/history")
    ),
    *(ROOT / "jetstream" / f"{name}.py" for name in ("names", "calls")),
    *(ROOT / "mcp" / f"{name}.py" for name in ("rate", "results", "untrusted")),
    *(ROOT / "testing" / f"{name}.py" for name in ("tally", "transcript")),
]


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
    assert rooms <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.stem)
def test_pure_modules_touch_nothing_outside(path: Path) -> None:
    assert not {one.split(".")[0] for one in imported(path)} & IMPURE


def test_to_import_blazebot_takes_nothing_of_the_network_along() -> None:
    code = "import sys, blazebot; print({'aiohttp', 'nats', 'typer', 'rich'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
