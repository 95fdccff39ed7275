"""What a run found: its last line, and why it has passed or not. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from soak.checker import FORGOTTEN, OVERTAKEN, Counts

__all__ = ["LONG", "Report"]

LONG = 300.0
"""Seconds from which on a run has to show everything: rates, and all faults and signals."""

ENCRYPTED = 0.2
"""The share of messages that is encrypted, at least."""

_TOUCHED: Final = {OVERTAKEN: 1, FORGOTTEN: 100}
"""How many messages one strike touches at most: a push has one, an acknowledgement up to 100."""


class Report(msgspec.Struct, kw_only=True):
    """A run as its last line tells it.

    ``versions`` are those of what is not ours. ``rate`` is the mean of messages that people wrote
    in a second, of ``seconds`` in all; ``encrypted`` the share of them that was; ``burst_rate`` is
    the least of the bursts, from the first message of one to its last. ``faults`` are strikes by
    kind and place, ``excused`` how often at most those struck that excuse what is ``overtaken`` or
    ``forgotten``, ``kills`` signals by process, ``amid_work`` how many of these fell while messages
    were delivered and not acknowledged. ``ends`` tells how often each process ended, by exit
    status, and was started again; ``alarms`` how often the bot had no line for too long;
    ``unforeseen`` what nothing explains of these, and of what processes wrote. ``calms`` are the
    seconds after which all was answered, each time that nothing was broken for a while. The
    counts are those of :class:`~soak.checker.Counts`.
    """

    seed: int
    engine: str
    versions: dict[str, str]
    seconds: float
    least_rate: float
    least_burst_rate: float
    encrypted: float
    bursts: int
    burst_rate: float
    faults: dict[str, int]
    excused: dict[str, int]
    kills: dict[str, dict[str, int]]
    amid_work: int
    disk_filled: int
    time_moved: int
    sessions_renewed: int
    ends: dict[str, dict[int, int]]
    alarms: int
    unforeseen: list[str]
    calms: list[float]
    settled_in: float
    counts: Counts
    skipped: list[str]
    """What is not or could not be done here, such as filling a disk without being root."""

    @property
    def rate(self) -> float:
        """Messages a second that people wrote."""
        return self.counts.messages / self.seconds if self.seconds else 0.0

    @property
    def most(self) -> dict[str, int]:
        """How many messages the service's faults have touched at most, by what that excuses."""
        return {name: self.excused.get(name, 0) * each for name, each in _TOUCHED.items()}

    @property
    def reasons(self) -> list[str]:
        """Why it has not passed; empty if it has."""
        reasons = [f"{name}: {count}" for name, count in self.counts.failures.items()]
        reasons += [f"unforeseen: {words}" for words in self.unforeseen]
        for name, most in self.most.items():
            if (count := getattr(self.counts, name)) > most:
                reasons.append(f"{name}: {count}, and only {most} can be the service's doing")
        if self.encrypted < ENCRYPTED:
            reasons.append(f"only {self.encrypted:.0%} encrypted")
        if self.seconds < LONG:
            return reasons
        if self.rate < self.least_rate:
            reasons.append(f"only {self.rate:.0f} messages a second")
        if self.burst_rate < self.least_burst_rate:
            reasons.append(f"only {self.burst_rate:.0f} texts a second in a burst")
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
        del named["counts"], named["least_rate"], named["least_burst_rate"], named["excused"]
        return {
            **named,
            **msgspec.structs.asdict(self.counts),
            "seconds": round(self.seconds, 1),
            "rate": round(self.rate, 1),
            "burst_rate": round(self.burst_rate, 1),
            "calms": [round(seconds, 1) for seconds in self.calms],
            **{f"{name}_at_most": most for name, most in self.most.items()},
            "encrypted": round(self.encrypted, 3),
            "settled_in": round(self.settled_in, 1),
            "passed": not self.reasons,
            "reasons": self.reasons,
        }
