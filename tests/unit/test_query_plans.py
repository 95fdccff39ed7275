"""No statement goes through a whole table that grows: of the sandbox, announcements, the outbox."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

import blazebot
from blazebot.announce import database as announcements
from blazebot.delivery import outbox_store
from blazebot.sandbox.storage.tables import MIGRATIONS

ROOT = Path(blazebot.__file__).parent
ROOM = ROOT / "sandbox"

STATEMENT = re.compile(r"(SELECT|INSERT INTO|UPDATE|DELETE FROM) ")

SMALL = {"oauth_keys", "retention_clock", "sqlite_master", "announcements", "salt"} | {
    *("one", "json_each"),
}
"""Tables that stay small, and lists that are handed over."""

MIGRATED = "tables"  # its statements run once, at a start


def expressions(tree: ast.AST) -> Iterator[ast.expr]:
    """All texts of a module, but not the parts of f-strings, and not docstrings."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant):
            yield node
        elif not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
            yield from expressions(node)


def evaluated(expression: ast.expr, names: dict[str, object]) -> str:
    """The value of a text; what only a run would know of it stays as ``{...}``."""
    code = compile(ast.Expression(expression), "<statement>", "eval")
    try:
        return str(eval(code, names))  # noqa: S307 - our own source
    except NameError:
        return ast.unparse(expression).lstrip("f'\"")


def statements(*paths: Path) -> Iterator[tuple[str, str]]:
    """All SQL statements of these files, each with where it stands."""
    for path in sorted(paths):
        if path.stem == MIGRATED:
            continue
        within = path.relative_to(ROOM if path.is_relative_to(ROOM) else ROOT).with_suffix("")
        module = path.relative_to(ROOT).with_suffix("").parts
        names = vars(import_module(".".join(("blazebot", *module))))
        for expression in expressions(ast.parse(path.read_text())):
            text = evaluated(expression, names)
            if STATEMENT.match(text):
                yield f"{within}:{expression.lineno}", text


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in MIGRATIONS:
            connection.executescript(script)
        yield connection


def scanned(connection: sqlite3.Connection, statement: str) -> set[str]:
    """The tables that a statement goes through from end to end."""
    numbered = [int(number) for number in re.findall(r"\?(\d)", statement)]
    count = max(numbered, default=statement.count("?"))
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", (None,) * count)
    scans = re.findall(r"SCAN (\w+)", "\n".join(row[3] for row in plan))
    return set(scans) - SMALL - {"CONSTANT"}


STATEMENTS = dict(statements(*ROOM.rglob("*.py")))


@pytest.mark.parametrize("where", STATEMENTS)
def test_no_table_that_grows_is_gone_through(where: str, database: sqlite3.Connection) -> None:
    assert scanned(database, STATEMENTS[where]) == set()


def test_statements_are_found() -> None:
    files = {where.partition(":")[0] for where in STATEMENTS}
    assert files >= {
        "storage/store",
        "storage/message_store",
        "rules/oauth",
        "rules/attachments",
    }
    # Each call that executes one; some share theirs, and some have it from a parameter.
    calls = sum(
        len(re.findall(r"database\.(?:read|write|write_all)\(", path.read_text()))
        for path in ROOM.rglob("*.py")
    )
    assert len(STATEMENTS) >= calls - 3


def test_a_statement_that_goes_through_a_table_is_noticed(database: sqlite3.Connection) -> None:
    assert scanned(database, "SELECT data FROM messages WHERE category = ?") == {"messages"}
    assert scanned(database, "SELECT count(*) FROM deliveries") == {"deliveries"}
    assert scanned(database, "DELETE FROM users WHERE full_name = ?") == {"users"}


KEPT = {
    "announce": (announcements._SCHEMA, sorted((ROOT / "announce").glob("*.py"))),
    "outbox": (outbox_store._SCHEMA, [ROOT / "delivery" / "outbox_store.py"]),
}

WHOLE = {
    # They end at the first row, or are done once at a start or for a person: what waits in the
    # outbox is little.
    "SELECT 1 FROM stopped LIMIT 1",
    "SELECT DISTINCT session_id FROM entries",
    "DELETE FROM entries WHERE recipient_id",
    "UPDATE announcements SET first = NULL WHERE first",
}


PARTS = {"{condition}": "state = 0", "{of_these}": "+state IN (0)"}
"""What stands in statements that are put together in a run."""


def filled(statement: str) -> str:
    for part, text in PARTS.items():
        statement = statement.replace(part, text)
    return statement.removesuffix("'").removesuffix('"')


@pytest.mark.parametrize("room", KEPT)
def test_no_table_of_a_bot_that_grows_is_gone_through(room: str) -> None:
    schema, paths = KEPT[room]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema)
        found = {
            where: text
            for where, written in statements(*paths)
            if "{" not in (text := filled(written)) and not text.startswith(tuple(WHOLE))
        }
        assert len(found) >= {"announce": 20, "outbox": 5}[room], found
        for where, text in found.items():
            assert not scanned(connection, text), (where, text)
