"""What the bot does: its handler of messages, by the number that each holds, and its job."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from blazebot import Conversation, Job, Message, State, Text
from tests.simulation.clock import SimulatedLoop

if TYPE_CHECKING:
    from tests.simulation.life import Life

KINDS: Final = (
    "silent",
    "one reply",
    "twice the same",
    "slow",
    "fails after replying",
    "poisoned",
    "keyed",
    "varying",
    "fails first",
    "counting",
    "counting and failing",
    "overdue",
    "counting",
)
"""What the handler does with a message, by its number."""

_FAIL_AFTER_REPLYING: Final = ("fails after replying", "keyed", "varying", "counting and failing")

REPLIES: Final = {
    "silent": 0,
    "one reply": 1,
    "twice the same": 2,
    "slow": 1,
    "fails after replying": 1,
    "poisoned": 1,
    "fails first": 1,
    "overdue": 1,
}
"""How many replies of the same words it sends."""

COUNTING: Final = ("counting", "counting and failing")
"""Those whose reply says which of them were before, as the state has it."""


_FOR_EVER: Final = 1_000_000.0


class Counted(msgspec.Struct, frozen=True):
    """The state of a conversation: the numbers of the messages that count, in order."""

    numbers: tuple[int, ...] = ()


def kind_of(number: int) -> str:
    """Return what the handler does with the message of a number."""
    return KINDS[number % len(KINDS)]


def number_in(text: str) -> int:
    """Return the number of the message with a text, which may be padded."""
    return int(text.split(maxsplit=1)[0])


async def handle(life: Life, message: Message[Text], state: State[Counted]) -> None:
    """Handle a message."""
    number = number_in(message.content.text)
    run = life.truth.begun(life.app_id, number)
    try:
        await _act(life, message, state, number, run)
    except BaseException as error:
        life.truth.failed(life, message.id, error)
        raise
    if not life.network.is_dead:
        life.truth.handled(life, message.id, number, run)


async def _act(
    life: Life, message: Message[Text], state: State[Counted], number: int, run: int
) -> None:
    kind = kind_of(number)
    fails_again = kind == "poisoned" and (life.app_id, message.id) not in life.truth.healed
    if kind in ("slow", "poisoned"):
        await asyncio.sleep(life.random.uniform(0.0, 3.0))
    if kind == "overdue" and run == 1:
        await _never_end(life, number)
    if kind == "fails first" and run == 1:
        raise ValueError("as always")
    if kind == "keyed":
        await message.reply(f"{number} in run {run}", key="it")
    elif kind == "varying":
        await message.reply(f"{number} in run {run}")
    elif kind in COUNTING:
        life.truth.saw(life, message.id, state.data.numbers)
        state.update(numbers=(*state.data.numbers, number))
        await message.reply(f"{number} after {len(state.data.numbers)}")
    else:
        for _ in range(REPLIES[kind]):
            await message.reply(str(number))
    if fails_again or (kind in _FAIL_AFTER_REPLYING and run == 1):
        raise ValueError("as always")


async def _never_end(life: Life, number: int) -> None:
    """Go on for ever; some do though they are told to end."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(1 + number % 3):
        try:
            await asyncio.sleep(_FOR_EVER)
        except asyncio.CancelledError:
            life.truth.cut_short(life, loop.time() - began)
    raise asyncio.CancelledError


async def remind(life: Life, job: Job[tuple[str, int]]) -> None:
    """Say what was to be said at this time; some fail then, at first."""
    conversation_id, number = job.data
    try:
        is_early = SimulatedLoop.running().latest < job.due.timestamp()
        run = life.truth.job_begun(life.app_id, number, is_early=is_early)
        await life.bot.send(Conversation(conversation_id), f"job {number}")
        if number % 3 == 0 and run == 1:
            raise ValueError("as always")
    except Exception as error:
        life.truth.job_failed(life, number, error)
        raise
