"""What a failed test shows of conversations, logs and the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blazebot.testing.seen import shorten
from blazebot.testing.transcript import LENGTH, LINES, part, wire_line
from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import Content, Text, Unknown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
MESSAGE = st.fixed_dictionaries(
    {"category": st.just("PLAIN_TEXT") | JSON}, optional={"data_base64": JSON, "data": JSON}
)
CONTENTS = st.builds(Text, st.text()) | st.builds(Unknown, st.text(), st.binary(max_size=500))


def frame(shown: object, direction: str = "sent", **more: str) -> dict[str, Any]:
    entry = {"kind": "frame", "at": "2026-01-02T03:04:05.678901234Z", "direction": direction}
    return {**entry, "frame": shown, **more}


@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Zl", "Zp"))), max_size=100))
def test_of_many_lines_the_newest_are_shown(lines: list[str]) -> None:
    title, *shown = part("The log", lines).split("\n")
    assert title == "The log:"
    if not lines:
        assert shown == ["    (nothing)"]
    elif len(lines) > LINES:
        assert shown[0] == f"    ... {len(lines) - LINES} earlier ones"
        del shown[0]
    if lines:
        assert shown == [f"    {line}" for line in lines[-LINES:]]


@given(CONTENTS)
def test_a_content_is_shown_in_one_short_line(content: Content) -> None:
    words = shorten(content)
    assert len(words) <= 120
    assert "\n" not in words


@example({"action": "ERROR", "params": {"category": "\n"}})
@given(st.fixed_dictionaries({"action": st.just("ERROR")}, optional={"params": MESSAGE | JSON}))
def test_any_frame_is_shown_in_one_short_line(shown: dict[str, Any]) -> None:
    line = wire_line(frame(shown))
    assert line.startswith("03:04:05.678  to the bot: ERROR")
    assert len(line) <= LENGTH + 400
    assert "\n" not in line


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            frame(
                {
                    "action": "CREATE_MESSAGE",
                    "params": {"category": "PLAIN_TEXT", "data_base64": encode_base64(b"hi")},
                },
                "received",
                fault="lost_answer",
            ),
            "from the bot: CREATE_MESSAGE PLAIN_TEXT 'hi'  (fault: lost_answer)",
        ),
        (
            frame({"action": "ERROR", "error": {"code": 401}}),
            'to the bot: ERROR {"code": 401}',
        ),
        (
            {"kind": "frame", "at": "2026-01-02T03:04:05.678901234Z", "direction": "sent"}
            | {"unreadable": "not gzip"},
            "to the bot: not gzip",
        ),
        (
            {"kind": "call", "at": "2026-01-02T03:04:05.678901234Z", "method": "GET"}
            | {"path": "/me", "status": 0},
            "GET /me: no answer",
        ),
        (
            {"kind": "line", "at": "2026-01-02T03:04:05.678901234Z", "event": "closed"}
            | {"words": "1001"},
            "line closed 1001",
        ),
    ],
)
def test_entries_of_the_wire_log(entry: dict[str, Any], line: str) -> None:
    assert wire_line(entry) == f"03:04:05.678  {line}"
