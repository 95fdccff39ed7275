"""What a test shows when it fails: what was seen, logged and sent. Pure."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Final

from blazebot.testing.seen import SeenMessage, shorten
from blazebot.wire.content import decode_content

LINES: Final = 30
"""Lines of each part: the newest are shown."""

LENGTH: Final = 160
"""Characters of JSON that are shown of a frame."""


def conversation(
    messages: Iterable[SeenMessage[Any]], names: Mapping[str, str], waiting: Container[str] = ()
) -> list[str]:
    """Return a line for each message, in their order.

    ``names`` are those of users and groups by id; ``waiting`` are the ids of messages that the test
    has not taken yet.
    """
    lines = []
    for message in messages:
        notes = [*message.notes, *(("not taken yet",) if message.id in waiting else ())]
        sender = names.get(message.user_id, message.user_id[:8])
        group = names.get(message.conversation_id)
        lines.append(
            f"{message.created_at:%H:%M:%S.%f}"[:-3]
            + f"  {sender}{f' in {group}' if group else ''}: {shorten(message.content)}"
            + f"  ({', '.join(notes)})"
        )
    return lines


def part(title: str, lines: Sequence[str]) -> str:
    """Return lines under a title, the newest if there are many."""
    left_out = len(lines) - LINES
    shown = ["(nothing)"] if not lines else list(lines[-LINES:])
    if left_out > 0:
        shown.insert(0, f"... {left_out} earlier ones")
    return "\n".join((f"{title}:", *(f"    {line}" for line in shown)))


def wire_line(entry: Mapping[str, Any]) -> str:
    """Return an entry of the sandbox's wire log as a line."""
    if entry["kind"] == "line":
        words = f"line {entry['event']} {entry['words']}".rstrip()
    elif entry["kind"] == "call":
        words = f"{entry['method']} {entry['path']}: {entry['status'] or 'no answer'}"
    else:
        frame = entry.get("frame")
        way = "from the bot:" if entry["direction"] == "received" else "to the bot:"
        words = f"{way} {_frame(frame) if isinstance(frame, dict) else entry.get('unreadable')}"
    fault = f"  (fault: {entry['fault']})" if "fault" in entry else ""
    return f"{entry['at'][11:23]}  {words}{fault}"


def _frame(frame: Mapping[str, Any]) -> str:
    return f"{frame.get('action')} {gist(frame)}".rstrip()


def gist(frame: Mapping[str, Any]) -> str:
    """Return in short what a frame says: a message's content, an error's words, or its JSON."""
    body = frame.get("error") or frame.get("params") or frame.get("data")
    if isinstance(body, dict) and body.get("category"):
        category = str(body["category"])[:40]
        data = (str(body.get(name) or "") for name in ("data_base64", "data"))
        named = category.encode("unicode_escape").decode()  # on one line, whatever it is
        return f"{named} {shorten(decode_content(category, *data))}"
    return short_json(body) if body else ""


def short_json(value: object) -> str:
    """Return a value as JSON, cut off where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LENGTH else f"{text[:LENGTH]} ..."
