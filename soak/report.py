"""What a run found: its last line, and why it has passed or not. Pure."""

from __future__ import annotations

import msgspec

from soak.checker import Counts

__all__ = ["LONG", "Report"]

LONG = 300.0
"""Seconds from which on a run has to show everything: rates, and all faults and signals."""

ENCRYPTED = 0.2
"""The share of messages that is encrypted, at least."""


class Report(msgspec.Struct, kw_only=True):
    """A run as its last line tells it.

    ``versions`` are those of what is not ours. ``rate`` is the mean of messages that people wrote
    in a second, of ``seconds`` in all; ``encrypted`` the share of them that was. ``faults`` are
    strikes by kind, ``kills`` signals by process, ``amid_work`` how many of these fell while
    messages were delivered and not acknowledged. ``ends`` tells how often each process ended, by
    exit status, and was started again; ``alarms`` how often the bot had no line for too long. The
    counts are those of :class:`~soak.checker.Counts`.
    """

    seed: int
    engine: str
    versions: dict[str, str]
    seconds: float
    least_rate: float
    encrypted: float
    bursts: int
    faults: dict[str, int]
    kills: dict[str, dict[str, int]]
    amid_work: int
    disk_filled: int
    time_moved: int
    sessions_renewed: int
    ends: dict[str, dict[int, int]]
    alarms: int
    settled_in: float
    counts: Counts
    skipped: list[str]
    """What could not be done here, such as filling a disk without being root."""

    @property
    def rate(self) -> float:
        """Messages a second that people wrote."""
        return self.counts.messages / self.seconds if self.seconds else 0.0

    @property
    def reasons(self) -> list[str]:
        """Why it has not passed; empty if it has."""
        reasons = [f"{name}: {count}" for name, count in self.counts.failures.items()]
        if self.encrypted < ENCRYPTED:
            reasons.append(f"only {self.encrypted:.0%} encrypted")
        if self.seconds < LONG:
            return reasons
        if self.rate < self.least_rate:
            reasons.append(f"only {self.rate:.0f} messages a second")
        reasons += [f"{kind} never struck" for kind, count in self.faults.items() if not count]
        for process, signals in self.kills.items():
            reasons += [f"no {name} to {process}" for name, count in signals.items() if not count]
        others = {
            "disk": self.disk_filled,
            "time": self.time_moved,
            "session": self.sessions_renewed,
        }
        reasons += [
            f"{name} never broken"
            for name, count in others.items()
            if not count and name not in self.skipped
        ]
        return reasons

    def document(self) -> dict[str, object]:
        """Return the last line."""
        named = msgspec.structs.asdict(self)
        del named["counts"], named["least_rate"]
        return {
            **named,
            **msgspec.structs.asdict(self.counts),
            "seconds": round(self.seconds, 1),
            "rate": round(self.rate, 1),
            "encrypted": round(self.encrypted, 3),
            "settled_in": round(self.settled_in, 1),
            "passed": not self.reasons,
            "reasons": self.reasons,
        }
