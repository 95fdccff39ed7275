"""What is to go wrong: faults that are switched on, and when each of them strikes.

Whoever serves something asks :meth:`Faults.take` whether it goes wrong, and
does what the fault says. Chances come from a seed, so that the same run goes wrong in the same way.
"""

from __future__ import annotations

import asyncio
import fnmatch
import math
import random
import shlex
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from blazebot.errors import ServiceError, SettingsError, service_error
from blazebot.sandbox.rules.refusals import bad_field, not_found
from blazebot.sandbox.storage.rows import StoredMessage

__all__ = [
    "ACKNOWLEDGEMENT",
    "ANSWER",
    "CALL",
    "HANDSHAKE",
    "LINE",
    "OCCASIONS",
    "PAGE",
    "PUSH",
    "REQUEST",
    "SANDBOX",
    "SECONDS",
    "TOKEN",
    "Fault",
    "Faults",
    "Kind",
    "NewFault",
    "Occasion",
    "damaged",
    "parse_fault",
    "reordered",
]

Kind = Literal[
    "drop",
    "abort",
    "freeze",
    "refuse_handshake",
    "unauthorized",
    "clock_off",
    "slow",
    "stall",
    "lost_answer",
    "lost_acknowledgement",
    "duplicate",
    "reorder",
    "truncate",
    "corrupt",
    "unknown_action",
    "unknown_category",
    "error",
    "bad_gateway",
    "restart",
]
"""What can go wrong; ``docs/faults.md`` says of each what a client sees."""

Occasion = Literal[
    "handshake",
    "token",
    "line",
    "request",
    "call",
    "acknowledgement",
    "answer",
    "page",
    "push",
    "sandbox",
]
HANDSHAKE: Final = "handshake"
"""A client opens a line."""
TOKEN: Final = "token"  # noqa: S105 - a name
"""The time of a token is checked."""
LINE: Final = "line"
"""A line is open, at once; then each frame from the bot, and each message pushed to it."""
REQUEST: Final = "request"
"""A frame from the bot; its name is its action."""
CALL: Final = "call"
"""A REST call; its name is its method and pattern: ``GET /users/:id``."""
ACKNOWLEDGEMENT: Final = "acknowledgement"
"""A frame or a call that acknowledges messages, before it is a request or a call."""
ANSWER: Final = "answer"
"""A frame to the bot that is no message: an answer or an error."""
PAGE: Final = "page"
"""Messages of several conversations are about to be pushed."""
PUSH: Final = "push"
"""A message is pushed; its name is its category."""
SANDBOX: Final = "sandbox"
"""The sandbox itself, at once."""

OCCASIONS: Final[Mapping[Kind, tuple[Occasion, ...]]] = {
    "drop": (LINE,),
    "abort": (LINE,),
    "freeze": (LINE,),
    "refuse_handshake": (HANDSHAKE,),
    "unauthorized": (LINE, HANDSHAKE, CALL),
    "clock_off": (TOKEN,),
    "slow": (REQUEST, CALL, HANDSHAKE),
    "stall": (REQUEST, CALL, HANDSHAKE),
    "lost_answer": (REQUEST, CALL),
    "lost_acknowledgement": (ACKNOWLEDGEMENT,),
    "duplicate": (PUSH,),
    "reorder": (PAGE,),
    "truncate": (PUSH, ANSWER),
    "corrupt": (PUSH, ANSWER),
    "unknown_action": (PUSH,),
    "unknown_category": (PUSH,),
    "error": (REQUEST, CALL),
    "bad_gateway": (CALL,),
    "restart": (SANDBOX,),
}
"""When each kind may strike."""

_NAMELESS: Final = frozenset((HANDSHAKE, LINE, ANSWER, PAGE, SANDBOX))
"""Occasions whose name is their own."""

SECONDS: Final[Mapping[Kind, float]] = {"clock_off": 600.0, "slow": 2.0, "restart": 1.0}
"""What ``seconds`` is unless given, for the kinds that take some."""

_WORDS: Final[Mapping[int, str]] = {
    403: "You are not allowed to access this resource.",
    429: "Too many requests.",
    500: "Internal Server Error",
    7000: "Blaze server error.",
    7001: "The Blaze operation timed out.",
}

_LATEST: Final = 3600
"""Seconds that an answer may be late, and a restart take."""

_KEPT: Final = 1000
"""Faults that are listed, beyond which the oldest that are spent are forgotten."""


class NewFault(Struct, forbid_unknown_fields=True, kw_only=True):
    """A fault to switch on.

    ``bot_id`` empty is every bot. It strikes ``times`` times, or until it is cleared where that is
    None, each time that it could with this ``probability``. ``only`` narrows it to occasions of
    this name, in which ``*`` stands for anything: an action (``CREATE_MESSAGE``), a call
    (``POST /messages``), a pushed category (``PLAIN_TEXT``), ``handshake``, ``line`` or ``answer``.
    ``seconds`` is how late ``slow`` answers (2), how far ``clock_off`` is (600; the service's clock
    is ahead, if negative behind) and how long ``restart`` takes (1). ``code`` is what ``error``
    answers with.
    """

    kind: Kind
    bot_id: str = ""
    times: Annotated[int, Meta(ge=1)] | None = 1
    probability: Annotated[float, Meta(gt=0, le=1)] = 1.0
    only: Annotated[str, Meta(max_length=100)] = ""
    seconds: Annotated[float, Meta(ge=-1e8, le=1e8)] | None = None
    code: Annotated[int, Meta(ge=1, le=99999)] = 500


class Fault(Struct, kw_only=True):
    """A fault that is switched on; ``left`` is how often it will strike yet, None without end."""

    fault_id: int
    kind: Kind
    bot_id: str
    left: int | None
    struck: int
    probability: float
    only: str
    seconds: float
    code: int

    def error(self) -> ServiceError:
        """Return the error that it answers with."""
        status = 500 if self.code in (500, 7000, 7001) else 202  # [D]
        words = _WORDS.get(self.code, "An error on demand.")
        return service_error(self.code, words, status=status, extra={"reason": "a fault"})


class Faults:
    """The faults of a sandbox.

    ``is_active`` is whether any may strike: where it is False there is nothing to ask. ``on_add``
    are called with each fault as it is switched on, for what strikes at once.
    """

    def __init__(self, seed: int = 0) -> None:
        self.is_active = False
        self.on_add: list[Callable[[Fault], None]] = []
        self._seed = seed
        self._added = 0
        self._faults: dict[int, Fault] = {}
        self._chances: dict[int, random.Random] = {}
        self._held: dict[int, list[Callable[[], None]]] = {}

    def add(self, new: NewFault) -> Fault:
        """Switch a fault on and return it as it is then: it may have struck already.

        Raises:
            ServiceError: 10002, a field does not fit its kind.
        """
        seconds = new.seconds if new.seconds is not None else SECONDS.get(new.kind, 0.0)
        if not math.isfinite(seconds) or (new.kind != "clock_off" and not 0 <= seconds <= _LATEST):
            raise bad_field("seconds", f"should be from 0 to {_LATEST}")
        if new.kind == "restart" and (new.times != 1 or new.probability < 1):
            raise bad_field("times", "a restart is at once, and once")
        _check_only(new)
        self._added += 1
        fault = Fault(
            fault_id=self._added,
            kind=new.kind,
            bot_id=new.bot_id.lower(),
            left=new.times,
            struck=0,
            probability=new.probability,
            only=new.only,
            seconds=seconds,
            code=new.code,
        )
        self._forget_spent()
        self._faults[fault.fault_id] = fault
        self._chances[fault.fault_id] = random.Random(f"{self._seed}:{fault.fault_id}")  # noqa: S311
        self.is_active = True
        for tell in self.on_add:
            tell(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> None:
        """Switch a fault off, or all of them; what it holds back goes on.

        Raises:
            ServiceError: 404, there is none with this id.
        """
        if fault_id is not None and fault_id not in self._faults:
            raise not_found(f"there is no fault {fault_id}")
        for id_ in list(self._faults) if fault_id is None else [fault_id]:
            del self._faults[id_], self._chances[id_]
            for go_on in self._held.pop(id_, ()):
                go_on()
        self._look()

    def list(self) -> list[Fault]:
        """Return all faults that were not cleared, the first one first."""
        return list(self._faults.values())

    def take(self, occasion: Occasion, bot_id: str, name: str = "") -> Fault | None:
        """Return the fault that strikes now, if one does: the first of those that could."""
        if not self.is_active:
            return None
        for fault in self._faults.values():
            if self._strikes(fault, occasion, bot_id, name or occasion):
                return fault
        return None

    def strikes(self, fault: Fault, occasion: Occasion, bot_id: str, name: str = "") -> bool:
        """Tell whether this one fault strikes now."""
        return self._strikes(fault, occasion, bot_id, name or occasion)

    async def delay(self, fault: Fault) -> None:
        """Wait as long as ``slow`` says, or with ``stall`` until the fault is cleared."""
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "stall":
            cleared = asyncio.Event()
            self.hold(fault, cleared.set)
            await cleared.wait()

    def chance(self, fault: Fault) -> random.Random:
        """Return what a fault's other choices come from."""
        return self._chances.get(fault.fault_id) or random.Random(self._seed)  # noqa: S311

    def hold(self, fault: Fault, go_on: Callable[[], None]) -> None:
        """Call ``go_on`` once the fault is cleared."""
        if fault.fault_id in self._faults:
            self._held.setdefault(fault.fault_id, []).append(go_on)
        else:
            go_on()

    def _strikes(self, fault: Fault, occasion: Occasion, bot_id: str, name: str) -> bool:
        if fault.left == 0 or occasion not in OCCASIONS[fault.kind]:
            return False
        if fault.bot_id and fault.bot_id != bot_id:
            return False
        if fault.only and not fnmatch.fnmatchcase(name, fault.only):
            return False
        if fault.probability < 1 and self.chance(fault).random() >= fault.probability:
            return False
        fault.struck += 1
        if fault.left is not None:
            fault.left -= 1
            self._look()
        return True

    def _look(self) -> None:
        self.is_active = any(fault.left != 0 for fault in self._faults.values())

    def _forget_spent(self) -> None:
        spent = [id_ for id_, fault in self._faults.items() if fault.left == 0]
        for id_ in spent[: max(0, len(self._faults) - _KEPT)]:
            self.clear(id_)


def damaged(frame: bytes, fault: Fault, chance: random.Random) -> bytes:
    """Return the bytes of a frame as ``truncate`` or ``corrupt`` leaves them."""
    if fault.kind == "truncate":
        return frame[: chance.randrange(1, len(frame))]
    spoilt = bytearray(frame)
    # The checksum: of the other bits some mean nothing.
    spoilt[chance.randrange(len(frame) - 8, len(frame) - 4)] ^= chance.randrange(1, 256)
    return bytes(spoilt)


def _check_only(new: NewFault) -> None:
    """Refuse an ``only`` that nothing can have as its name."""
    occasions = OCCASIONS[new.kind]
    matches = any(fnmatch.fnmatchcase(occasion, new.only) for occasion in occasions)
    if new.only and not matches and _NAMELESS.issuperset(occasions):
        raise bad_field("only", f"{new.kind} strikes only at: {', '.join(occasions)}")


def reordered(page: Sequence[StoredMessage], chance: random.Random) -> list[StoredMessage]:
    """Return messages in another order, in which those of each conversation keep theirs."""
    turns = [message.conversation_id for message in page]
    chance.shuffle(turns)
    lanes: dict[str, deque[StoredMessage]] = {}
    for message in page:
        lanes.setdefault(message.conversation_id, deque()).append(message)
    return [lanes[conversation_id].popleft() for conversation_id in turns]


def parse_fault(text: str) -> NewFault:
    """Return the fault that ``text`` says: ``KIND name=value ...``, quoted as in a shell.

    ``times=forever`` is until it is cleared.

    Raises:
        SettingsError: it says none; the message says how it should read.
    """
    try:
        kind, *words = shlex.split(text) or [""]
    except ValueError as error:
        raise SettingsError(f"fault {text!r}: {error}") from None
    if kind not in get_args(Kind):
        raise SettingsError(f"fault {text!r}: should begin with one of {', '.join(get_args(Kind))}")
    fields: dict[str, Any] = {"kind": kind}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise SettingsError(f"fault {text!r}: {word!r} should be name=value")
        fields[name] = None if value == "forever" else value
    try:
        return msgspec.convert(fields, NewFault, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"fault {text!r}: {error}") from None
