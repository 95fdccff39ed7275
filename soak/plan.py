"""What the adversary does and when: all of it from a seed. Pure."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from soak.checker import FORGOTTEN, OVERTAKEN

__all__ = [
    "SIGNALS",
    "FaultKind",
    "FaultStep",
    "FillDisk",
    "Interruption",
    "MoveTime",
    "NewSession",
    "SignalStep",
    "excused_by",
    "fault_steps",
    "interruptions",
]

_DAY: Final = 24 * 3600.0
_TOKENS_OFF: Final = (400.0, 2000.0)  # seconds; 300 are tolerated
_CODES: Final = (403, 429, 500, 7000, 7001, 20140)
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

    ``needs_new_line``: it strikes only who connects, so that the line is dropped too.
    """

    kind: str
    fields: dict[str, Any]
    seconds: float
    pause: float
    needs_new_line: bool = False


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


Interruption = SignalStep | FillDisk | MoveTime | NewSession


def fault_steps(
    chance: random.Random, kinds: Sequence[FaultKind], tempo: float
) -> Iterator[FaultStep]:
    """Yield faults without end: each kind once in each round, in another order.

    ``tempo`` stretches all times.
    """
    while True:
        for kind in chance.sample(kinds, len(kinds)):
            yield FaultStep(
                kind.kind,
                _fields(chance, kind, tempo),
                seconds=chance.uniform(1.5, 4.0) * tempo,
                pause=chance.uniform(0.5, 1.5) * tempo,
                needs_new_line={"handshake", "token"}.issuperset(kind.occasions),
            )


def _fields(chance: random.Random, kind: FaultKind, tempo: float) -> dict[str, Any]:
    occasions = set(kind.occasions)
    if "sandbox" in occasions:
        fields: dict[str, Any] = {}
    elif "line" in occasions:
        fields = {"times": chance.randint(1, 3), "probability": chance.choice((1.0, 0.1))}
    elif {"handshake", "token"} >= occasions:
        fields = {"times": None}
    elif "answer" in occasions:  # damage: of pushes and answers, or of answers alone
        fields = {"times": None, "probability": chance.uniform(0.02, 0.1)}
        fields["only"] = chance.choice(("", "answer"))
    else:
        fields = {"times": None, "probability": chance.uniform(0.05, 0.3)}
    if kind.seconds is not None:
        fields["seconds"] = chance.uniform(0.3, 1.5) * tempo
    if "token" in occasions:
        fields["seconds"] = chance.choice((-1, 1)) * chance.uniform(*_TOKENS_OFF)
    if kind.code is not None:
        fields["code"] = chance.choice(_CODES)
    return fields


def excused_by(step: FaultStep) -> str | None:
    """Return what a fault of the service brings about that no bot can help; None for most."""
    if step.kind == "lost_acknowledgement":
        return FORGOTTEN
    return OVERTAKEN if step.fields.get("only") == "" else None


def interruptions(
    chance: random.Random, processes: Sequence[str], tempo: float, *, disk: bool
) -> Iterator[Interruption]:
    """Yield interruptions without end: each once in each round, in another order.

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
