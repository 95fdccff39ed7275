"""What the adversary does and when: all of it from a seed. Pure."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from soak.checker import FORGOTTEN, OVERTAKEN

__all__ = [
    "SIGNALS",
    "Calm",
    "FaultKind",
    "FaultStep",
    "FillDisk",
    "Interruption",
    "MoveTime",
    "NewSession",
    "SignalStep",
    "excused_by",
    "fault_steps",
    "faults_of",
    "interruptions",
]

_DAY: Final = 24 * 3600.0
_TOKENS_OFF: Final = (400.0, 2000.0)  # seconds; 300 are tolerated
_CODES: Final = (403, 429, 500, 7000, 7001, 20140)
_LATE: Final = (0.3, 1.5)  # seconds
_TOO_LATE: Final = (3.2, 5.0)  # beyond the bot's request timeout
_TOO_SLOW: Final = 0.3  # of what is slow
_CALLS: Final = "* /*"
_UPPER: Final = "*[A-Z]_[A-Z]*"

_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "handshake": {"handshake": "handshake"},
    "token": {"handshake": "handshake", "call": _CALLS},
    "line": {"line": "line"},
    "request": {"request": _UPPER},
    "call": {"call": _CALLS},
    "answer": {"answer": "answer"},
    "push": {"push": _UPPER},
}
"""Where a fault strikes at an occasion, and the names (``only``) that are of that place alone.

An occasion that is not here is one place, with any name.
"""
SIGNALS: Final = (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM)
"""What each process is sent."""


class FaultKind(msgspec.Struct):
    """A kind of fault, as the sandbox lists it."""

    kind: str
    occasions: tuple[str, ...]
    seconds: float | None
    code: int | None


class FaultStep(msgspec.Struct, frozen=True):
    """A fault that is on for ``seconds``; then nothing goes wrong for ``pause``.

    ``place`` is where it strikes, of those where it could. ``needs_new_line``: it strikes only who
    connects, so that the line is dropped too.
    """

    kind: str
    place: str
    fields: dict[str, Any]
    seconds: float
    pause: float
    needs_new_line: bool = False

    @property
    def name(self) -> str:
        """What is counted: the kind and the place."""
        return f"{self.kind} {self.place}"


class SignalStep(msgspec.Struct, frozen=True):
    """A signal to a process; after ``seconds`` one that was stopped goes on."""

    process: str
    number: signal.Signals
    seconds: float
    pause: float


class FillDisk(msgspec.Struct, frozen=True):
    """The disk of the bot's state is full for ``seconds``."""

    seconds: float
    pause: float


class MoveTime(msgspec.Struct, frozen=True):
    """The time of messages is ``offset`` seconds from the real one from now on.

    It never moves by the seven days for which a message is kept: what expires is not lost.
    """

    offset: float
    pause: float


class NewSession(msgspec.Struct, frozen=True):
    """The bot's session is revoked, and it gets another one."""

    pause: float


class Calm(msgspec.Struct, frozen=True):
    """Nothing is broken until what was open is answered."""

    pause: float


Interruption = SignalStep | FillDisk | MoveTime | NewSession | Calm


def faults_of(kinds: Sequence[FaultKind]) -> list[tuple[FaultKind, str]]:
    """Return each kind at each place where it can strike."""
    return [(kind, place) for kind in kinds for place in _places(kind)]


def _places(kind: FaultKind) -> dict[str, str]:
    """Return where a kind can strike, and what names that place alone."""
    places: dict[str, str] = {}
    for occasion in kind.occasions:
        places |= _NAMES.get(occasion, {occasion: ""})
    return places


def fault_steps(
    chance: random.Random, kinds: Sequence[FaultKind], tempo: float
) -> Iterator[FaultStep]:
    """Yield faults without end: each kind once at each place in each round, in another order.

    ``tempo`` stretches all times.
    """
    faults = faults_of(kinds)
    while True:
        for kind, place in chance.sample(faults, len(faults)):
            yield FaultStep(
                kind.kind,
                place,
                _fields(chance, kind, place, tempo),
                seconds=chance.uniform(1.5, 4.0) * tempo,
                pause=chance.uniform(0.5, 1.5) * tempo,
                needs_new_line=place == "handshake",
            )


def _fields(chance: random.Random, kind: FaultKind, place: str, tempo: float) -> dict[str, Any]:
    fields: dict[str, Any] = {"only": _places(kind)[place]}
    if place == "line":
        fields |= {"times": chance.randint(1, 3), "probability": chance.choice((1.0, 0.1))}
    elif place == "handshake" or kind.kind == "clock_off":
        fields |= {"times": None}
    elif "answer" in kind.occasions:  # damage
        fields |= {"times": None, "probability": chance.uniform(0.02, 0.1)}
    elif place != "sandbox":
        fields |= {"times": None, "probability": chance.uniform(0.05, 0.3)}
    if kind.seconds is not None:
        fields["seconds"] = chance.uniform(*_LATE) * tempo
    if kind.kind == "slow" and chance.random() < _TOO_SLOW:
        fields["seconds"] = chance.uniform(*_TOO_LATE)
    if kind.kind == "clock_off":
        fields["seconds"] = chance.choice((-1, 1)) * chance.uniform(*_TOKENS_OFF)
    if kind.code is not None:
        fields["code"] = chance.choice(_CODES)
    return fields


def excused_by(step: FaultStep) -> str | None:
    """Return what a fault of the service brings about that no bot can help; None for most."""
    if step.kind == "lost_acknowledgement":
        return FORGOTTEN
    return OVERTAKEN if step.kind in ("truncate", "corrupt") and step.place == "push" else None


def interruptions(
    chance: random.Random, processes: Sequence[str], tempo: float, *, disk: bool
) -> Iterator[Interruption]:
    """Yield interruptions without end: each once in each round, in another order, then calm.

    ``disk`` tells whether the bot's disk can be filled. The first is a new session: later so much
    may be unanswered that there is no moment for one.
    """
    is_first = True
    while True:
        seconds, pause = (1.0 * tempo, 6.0 * tempo), (1.0 * tempo, 5.0 * tempo)
        steps: list[Interruption] = [
            SignalStep(process, number, chance.uniform(*seconds), chance.uniform(*pause))
            for process in processes
            for number in SIGNALS
        ]
        steps.append(MoveTime(chance.uniform(-_DAY, _DAY), chance.uniform(*pause)))
        steps.append(NewSession(chance.uniform(*pause)))
        if disk:
            steps.append(FillDisk(chance.uniform(*seconds), chance.uniform(*pause)))
        steps = chance.sample(steps, len(steps))
        if is_first:
            steps.sort(key=lambda step: not isinstance(step, NewSession))
            is_first = False
        yield from steps
        yield Calm(chance.uniform(*pause))
