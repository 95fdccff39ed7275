"""The form of log lines: words for people, or JSON for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

CONTEXT: Final = ("bot", "message_id", "conversation_id", "user_id", "handler")
"""Attributes of a record that say what was being handled; empty or absent where nothing was."""

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "context",
    *CONTEXT,
}


class WordsFormatter(logging.Formatter):
    """A line of words, with what was being handled at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line, without traceback."""
        context = getattr(record, "context", "")
        line = super().formatMessage(record)
        return f"{line} {context}" if context else line


class JsonFormatter(logging.Formatter):
    """A JSON object on one line.

    It has ``time`` (UTC), ``level``, ``logger``, ``message``, of :data:`CONTEXT` what there is,
    ``error`` with the traceback, and what the line was given as ``extra``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: value for name in CONTEXT if (value := getattr(record, name, ""))}
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        for name, value in vars(record).items():
            if name not in _OWN:
                entry.setdefault(name, value)
        return json.dumps(entry, default=str)
