"""What a check is: a rule of the protocol, where it is known from, and how to try it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from blazebot.errors import SettingsError

if TYPE_CHECKING:
    from blazebot.conformance.trial import Trial

__all__ = ["DEADLINE", "NOTHING", "Check", "Need", "check", "select"]

DEADLINE: Final = 30.0
"""Seconds for one check, if it does not say otherwise."""


class Need(Flag):
    """What a check needs beside a keystore."""

    LINE = auto()
    """The session's line: whoever has it loses it."""
    RECIPIENT = auto()
    """Somebody to write to."""
    PEER = auto()
    """A second bot."""
    PERSON = auto()
    """A person on the other side, who writes and reads."""


NOTHING: Final = Need(0)

Try = Callable[["Trial"], Awaitable[str | None]]
"""Tries a rule: raises Violation if it does not hold; may return what was seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One rule. ``source`` is the section of the protocol and how it is known: ``6 [S]``.

    ``messages`` is how many messages it sends at most, ``deadline`` in seconds.
    """

    name: str
    rule: str
    source: str
    needs: Need
    messages: int
    deadline: float
    attempt: Try


def check(
    source: str, *, needs: Need = NOTHING, messages: int = 0, deadline: float = DEADLINE
) -> Callable[[Try], Check]:
    """Make a check of a function: its name is the check's, its docstring the rule."""

    def make(attempt: Try) -> Check:
        name = getattr(attempt, "__name__", "").replace("_", "-")
        rule = " ".join((attempt.__doc__ or "").split())
        return Check(name, rule, source, needs, messages, deadline, attempt)

    return make


def select(checks: Iterable[Check], patterns: Sequence[str]) -> list[Check]:
    """Return the checks whose names match any of ``patterns``, such as ``token-*``; all if none.

    Raises:
        SettingsError: a pattern matches none.
    """
    checks = list(checks)
    for pattern in patterns:
        if not any(fnmatchcase(one.name, pattern) for one in checks):
            raise SettingsError(f"no check is named {pattern!r}; --list shows all names")
    if not patterns:
        return checks
    return [one for one in checks if any(fnmatchcase(one.name, each) for each in patterns)]
