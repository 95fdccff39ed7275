"""What is counted of a bot while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from blazebot.watch.histogram import Histogram

State = Literal["open", "connecting", "stopped"]
"""How a bot is doing: its line is open, or not yet or no more, or it does not run."""


class HandlerCounts:
    """How long one handler, or job, takes, middleware included, and how often it failed."""

    __slots__ = ("failures", "seconds")

    def __init__(self) -> None:
        self.seconds = Histogram()
        self.failures = 0


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Numbers of one bot. :mod:`blazebot.watch.metrics` says what each means."""

    # Since it started
    received: int
    handled: int
    failed: int
    retried: int
    redelivered: int
    let_go: int
    acknowledged: int
    buried: int
    sent: int
    bad_frames: int
    reconnects: int

    # Now
    in_flight: int
    at_hand: int
    dead_letters: int
    quota_used: int
    quota: int

    handlers: Mapping[str, HandlerCounts]
    """By the handler's name; an empty one stands for messages that no handler took."""
    jobs: Mapping[str, HandlerCounts]
    """By the job's name."""


@dataclass(frozen=True)
class BotStatus:
    """One bot at a moment: ``reason`` says in words why it is stopped, if there is a reason.

    ``counts`` are None while it is stopped.
    """

    bot_id: str
    state: State
    reason: str = ""
    counts: Counts | None = None
