"""The bot's line, and a service that pushes and answers whatever it likes."""

from __future__ import annotations

import itertools
import json
import zlib
from contextlib import AbstractContextManager
from typing import Any, Final

from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import compress
from fuzz import websocket
from fuzz.bending import bent, spelled
from fuzz.choices import Choices
from fuzz.hostile import LAST, Hostile, served_bot
from fuzz.seeds import CONTENTS
from fuzz.watch import check
from fuzz.worlds import Attempt, in_loop
from tests.wire.scripted_service import message

_BOMB: Final = zlib.compress(bytes(64 * 1024 * 1024), 9, 31)
_ERROR: Final = {"status": 202, "code": 10002, "description": "Bad field", "extra": {"field": "x"}}
_CODES: Final = (0, 202, 400, 401, 403, 404, 429, 500, 7000, 10002, 10006, 20116, 20140, 2**40)
_CLOSES: Final = (1000, 1001, 1006, 1009, 1011, 4000, 0, 65535)

_ALLOWED: Final = ("another process uses this session", "is a dead letter after")
"""A bot whose service is hostile has something to complain of."""

_numbers = itertools.count()


async def _attempt(world: Hostile, choices: Choices) -> None:
    """Say what is odd, then push a good message: it is handled, once, and then acknowledged."""
    await world.until(lambda: world.line is not None)
    answers = [_answer(choices) for _ in range(choices.below(3))]
    world.answer = lambda frame: answers.pop()(frame) if answers else None
    for _ in range(1 + choices.below(8)):
        world.write(_words(choices))
    world.answer = None if choices.once_in(4) else world.answer
    number = next(_numbers)
    good = message(  # of ids that are no choice: what is odd must not have had them before
        LAST,
        message_id=f"00000000-0000-4000-a000-{number:012x}",
        conversation_id=f"00000000-0000-4000-9000-{number:012x}",
    )
    world.pending[good["message_id"]] = good
    await world.push(good)
    try:
        await world.until(lambda: not world.pending)
        times = world.handled.count(good["message_id"])
        check(times == 1, f"the good message is acknowledged, and was handled {times} times")
    finally:
        world.answer = None
        world.pending.clear()


def _view(choices: Choices) -> dict[str, Any]:
    category = choices.pick(sorted(CONTENTS))
    content = CONTENTS[category]
    if choices.once_in(4):
        at = choices.below(len(content) + 1)
        content = content[:at] + choices.some() + content[at + choices.below(8) :]
    return message(
        "",
        message_id=choices.new_id(),
        conversation_id=choices.new_id(),
        category=choices.pick((category, category, "ENCRYPTED_TEXT", "", choices.text())),
        data_base64=encode_base64(content),
        source=choices.pick(("", "LIST_PENDING_MESSAGES", "ACKNOWLEDGE_MESSAGE_RECEIPT")),
    )


def _frame(choices: Choices) -> dict[str, Any]:
    frame: dict[str, Any] = {"id": choices.new_id(), "action": "CREATE_MESSAGE"}
    match choices.below(5):
        case 3:
            frame["error"] = bent(choices, {**_ERROR, "code": choices.pick(_CODES)})
            frame["action"] = choices.pick(("ERROR", "CREATE_MESSAGE"))
        case 4:
            frame["action"] = choices.pick(("ACKNOWLEDGE_MESSAGE_RECEIPT", "REFRESH", "", "é"))
            frame["data"] = bent(choices, {"message_id": choices.new_id(), "status": "READ"})
        case _:
            frame["data"] = bent(choices, _view(choices))
    return frame


def _words(choices: Choices) -> bytes:
    match choices.below(10):
        case 9:
            return websocket.odd_frame(choices, choices.some(), masked=False)
        case 8:
            return websocket.frame(choices.some(), choices.pick((1, 2, 9, 10)), masked=False)
        case 7 if choices.once_in(4):
            close = choices.pick(_CLOSES).to_bytes(2, "big") + choices.some()
            return websocket.frame(close, websocket.CLOSE, masked=False)
        case 6 if choices.once_in(16):
            return websocket.frame(_BOMB, masked=False)
    return _packed(choices, _frame(choices))


def _packed(choices: Choices, frame: dict[str, Any]) -> bytes:
    packed = compress(spelled(choices, bent(choices, frame) if choices.once_in(4) else frame))
    if choices.once_in(8):
        at = choices.below(len(packed) + 1)
        packed = packed[:at] + choices.some() + packed[at + choices.below(16) :]
    return websocket.frame(packed, masked=False)


def _answer(choices: Choices) -> Any:
    """Return what answers a request oddly; decided now, lest chance decide what comes first."""
    frame = _frame(choices)
    good_id = not choices.once_in(4)

    def answer(request: dict[str, Any]) -> bytes | None:
        odd = {**frame, "id": request["id"]} if good_id else frame
        text = json.dumps(odd, default=str).encode("utf-8", "replace")
        return websocket.frame(compress(text), masked=False)

    return answer


def line() -> AbstractContextManager[Attempt]:
    """Pushes, answers, frames and closes that no service should send."""
    return in_loop(served_bot, _attempt, allowed=_ALLOWED)
