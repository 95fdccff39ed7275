"""What the page on troubleshooting quotes is what the code says, and it knows every error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazebot import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
SOURCES = ROOT / "src" / "blazebot"

OTHERS = {"sandbox", "conformance", "demo", "testing"}
"""Rooms that are no part of a bot."""

VALUE = "\0"
"""Stands in the texts of the sources for what is put in."""

SHORT = 12
"""Characters that say nothing by themselves."""

_CODE = re.compile(r"`([^`]+)`")


def said_by(tree: ast.AST) -> Iterator[str]:
    """Yield the texts below a node but for docstrings, with a mark for each value."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(str())):
                node.value = ast.Constant(None)
            case ast.JoinedStr(values=parts):
                values = (part.value if isinstance(part, ast.Constant) else VALUE for part in parts)
                yield "".join(map(str, values))
            case ast.Constant(value=str(text)):
                yield re.sub(r"%[.\d]*[a-z]|\{\w+[^{}]*\}", VALUE, text)


TREES = {path: ast.parse(path.read_text()) for path in sorted(SOURCES.rglob("*.py"))}
TEXTS = [text for tree in TREES.values() for text in said_by(tree)]


def pattern_of(quote: str) -> re.Pattern[str]:
    """Return what finds the pieces of ``quote``, in their order, with values between."""
    whole = re.sub(r"\b\d+: \.\.\.$", "...: ...", quote)  # the service's number is a value
    pieces = [piece.strip() for piece in whole.split("...") if piece.strip()]
    return re.compile(".*".join(re.escape(piece) for piece in pieces), re.DOTALL)


def is_said(quote: str) -> bool:
    """Tell whether some text of the sources is what is quoted."""
    pattern = pattern_of(quote)
    return any(pattern.search(text) for text in TEXTS)


def complaints() -> Iterator[str]:
    """Yield what bots log as warnings and errors, where it says more than a value."""
    for path, tree in TREES.items():
        if path.relative_to(SOURCES).parts[0] in OTHERS:
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name("logger"), attr="warning" | "error" | "exception"
                    ),
                    args=[words, *_],
                ):
                    yield from (text for text in said_by(words) if len(text) > SHORT)


def quotes() -> list[str]:
    """Return what the page quotes: the code in the first cells of tables of what is said."""
    tables = re.findall(r"^\| it says \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    return [quote for row in rows for quote in _CODE.findall(row.split(" | ")[0])]


@pytest.mark.parametrize("quote", quotes())
def test_what_it_quotes_is_said(quote: str) -> None:
    assert is_said(quote)


def test_it_has_every_warning_and_error_of_a_bots_log() -> None:
    known = [pattern_of(quote) for quote in quotes() if len(quote) > SHORT]
    said = list(complaints())
    assert len(said) > 50
    assert [text for text in said if not any(one.search(text) for one in known)] == []


def test_what_nobody_says_is_found_out() -> None:
    assert is_said("no keystore: pass its path or set ...")
    assert not is_said("no keystore: pass its way or set ...")
    assert not is_said("or set ... no keystore: pass its path")


def test_it_lists_every_class_of_errors() -> None:
    table = PAGE.partition("{#classes}")[2]
    assert {name for name in _CODE.findall(table) if name in errors.__all__} == {*errors.__all__}
    cells = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| `")]
    named = [name for cell in cells for name in _CODE.findall(cell)]
    assert sorted(named) == sorted(errors.__all__)
