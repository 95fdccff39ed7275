"""Entries of the wire log, as lines for the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from blazebot.cli.sandbox_log import line_of

ENTRY = {"number": 1, "at": "2026-01-02T03:04:05.678901234Z", "bot_id": "abcdef12-3456"}
FRAME = ENTRY | {"kind": "frame", "line": 1, "direction": "sent", "size": 10, "inflated": 20}


def frame(**members: Any) -> dict[str, Any]:
    return FRAME | {"frame": {"id": "1", "action": "CREATE_MESSAGE", **members}}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            frame(data={"category": "PLAIN_TEXT", "data_base64": "aGk"}),
            "<- CREATE_MESSAGE 10/20 B PLAIN_TEXT 'hi'",
        ),
        (frame(data={"message_id": "m"}), '20 B {"message_id": "m"}'),
        (
            frame(error={"code": 429, "description": "Too many requests."}) | {"fault": "error"},
            '{"code": 429, "description": "Too many requests."}  fault: error',
        ),
        (FRAME | {"frame": ["odd"], "direction": "received"}, '-> ["odd"]'),
        (FRAME | {"unreadable": "not gzip"}, "unreadable: not gzip (10 B)"),
        (
            ENTRY | {"kind": "line", "line": 3, "event": "closed", "words": "the other side"},
            "03:04:05.678 abcdef12 line 3 closed: the other side",
        ),
        (
            ENTRY
            | {"kind": "call", "method": "GET", "path": "/me", "status": 0, "seconds": 0.0123}
            | {"request_size": 0, "answer_size": 2, "answer": {}},
            "GET /me no answer 12.3 ms 0 B, 2 B {}",
        ),
    ],
)
def test_an_entry_as_a_line(entry: dict[str, Any], words: str) -> None:
    assert words in line_of(entry).plain


def test_the_whole_json_where_it_is_wanted() -> None:
    entry = frame(data={"category": "PLAIN_TEXT", "data_base64": "aGk" * 200})
    assert "aGk" * 200 in line_of(entry, full=True).plain
    assert len(line_of(entry).plain) < 300
