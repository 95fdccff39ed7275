"""What counts as a finding: beside errors that are raised, what is logged and never retrieved."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from blazebot.errors import BlazebotError

_WINDOW: Final = 20
"""So many characters of a secret running give it away."""


class Finding(AssertionError):
    """A promise that was broken by an input."""


def check(holds: object, words: str) -> None:
    """Raise Finding with these words unless it holds."""
    if not holds:
        raise Finding(words)


def check_shows_none(text: str, secrets: set[str]) -> None:
    """Raise Finding if ``text`` has a part of a secret in it that gives it away."""
    for secret in secrets:
        for at in range(0, max(1, len(secret) - _WINDOW), _WINDOW // 2):
            part = secret[at : at + _WINDOW]
            check(len(part) < _WINDOW or part not in text, f"a secret is shown in: {text[:300]}")


class Watch(logging.Handler):
    """Hears everything that is logged, and what tasks fail with that nobody waits for.

    Errors are findings, and so are exceptions that are not promised, and a secret in any line.
    ``allowed`` are words of errors that are no fault of ours.
    """

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        self.secrets: set[str] = set()
        self._allowed = allowed
        self._complaints: list[str] = []

    def __enter__(self) -> Watch:
        """Begin to hear."""
        logging.root.addHandler(self)
        logging.getLogger("blazebot").setLevel(logging.DEBUG)
        return self

    def __exit__(self, *_: object) -> None:
        """Hear no more."""
        logging.root.removeHandler(self)
        logging.getLogger("blazebot").setLevel(logging.NOTSET)

    def emit(self, record: logging.LogRecord) -> None:
        """Note an error, or a line with a secret in it."""
        line = self.format(record)
        error = record.exc_info[1] if record.exc_info else None
        is_promised = error is None or isinstance(error, BlazebotError)
        is_error = record.levelno >= logging.ERROR or not is_promised
        if is_error and not any(one in line for one in self._allowed):
            self._complaints.append(line)
        try:
            check_shows_none(line, self.secrets)
        except Finding as finding:
            self._complaints.append(str(finding))

    def on_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Note what an event loop has nobody to tell."""
        error = context.get("exception")
        self._complaints.append(f"{context['message']}: {type(error).__name__}: {error}")

    def report(self) -> None:
        """Raise Finding if there was anything."""
        complaints, self._complaints = self._complaints, []
        check(not complaints, "\n".join(complaints))
