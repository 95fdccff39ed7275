"""What processes write that nobody has foreseen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["unforeseen"]

_TRACEBACK: Final = "Traceback (most recent call last):"
_UNFORESEEN: Final = "unforeseen"
_CHAINED: Final = ("The above exception was", "During handling of the above")

_FORESEEN: Final = "blazebot.errors."
"""What may stand at the end of a traceback: what a handler meets when something is broken."""


def unforeseen(lines: Iterable[str]) -> Iterator[str]:
    """Yield what stands in a log that is no foreseen error: lines, and ends of tracebacks."""
    ended = ""  # the end of a traceback, unless it turns out to be the cause of another one
    is_inside = False
    for line in lines:
        text = line.rstrip()
        if ended and text and not text.startswith(_CHAINED):
            yield from () if ended.startswith(_FORESEEN) else (ended,)
        if text:
            ended = ""
        if text.endswith(_TRACEBACK):
            is_inside = True
        elif is_inside and text and not text[0].isspace():
            ended, is_inside = text, False
        elif _UNFORESEEN in text:
            yield text
    if ended and not ended.startswith(_FORESEEN):
        yield ended
