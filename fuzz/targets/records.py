"""What comes out of JetStream: records of streams and buckets, and what is said by way of NATS."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

from nats.aio.msg import Msg
from nats.js.api import PubAck, RawStreamMsg
from nats.js.errors import NotFoundError
from nats.js.kv import KeyValue

from blazebot.bot.jobs.storage import Terms
from blazebot.bot.settings import BotSettings
from blazebot.bot.states.histories import Histories
from blazebot.errors import BlazebotError, JobError, StateError
from blazebot.jetstream.calls import Answer, Call
from blazebot.jetstream.dead_letters import DeadLetterStream
from blazebot.jetstream.deliveries import Deliveries
from blazebot.jetstream.gateway_line import GatewayLine
from blazebot.jetstream.holding import HeldLine
from blazebot.jetstream.jobs import BucketJobStorage
from blazebot.jetstream.names import Names
from blazebot.jetstream.outbox import OutboxStream
from blazebot.jetstream.states import BucketStateStorage
from blazebot.keys.keystore import Keystore
from blazebot.wire.codec import encode_json
from blazebot.wire.frames import CREATE_MESSAGE
from blazebot.wire.messages import MessageView
from fuzz.bending import bent, filled, spelled
from fuzz.choices import Choices
from fuzz.seeds import keystores
from fuzz.watch import Watch, check
from fuzz.worlds import Attempt, in_loop
from tests.contents import MESSAGE_ID, USER_ID
from tests.wire.scripted_service import message

_NAMES: Final = Names(USER_ID)
_NOW: Final = 1_800_000_000.0
_GOOD: Final = "the good one"

_LETTER: Final = {"view": message("Hi"), "error": "ValueError: no", "tries": 5, "buried_at": _NOW}
_REQUEST: Final = {
    "conversation_id": MESSAGE_ID,
    "message_id": MESSAGE_ID,
    "category": "PLAIN_TEXT",
    "status": "SENT",
    "data_base64": "SGk",
    "recipient_id": USER_ID,
}
_ENTRY: Final = {"request": _REQUEST, "plaintext": "SGk=", "may_be_plain": True}
_FAILED: Final = {
    "message_id": MESSAGE_ID,
    "conversation_id": MESSAGE_ID,
    "recipient_id": USER_ID,
    "reason": "403",
    "failed_at": _NOW,
}
_ROW: Final = {
    "job": ["report", "", "@schedules", "null", "@moments", 1, False, 0, None, None],
    "wake": "@moments",
    "remembered": False,
    "over_at": None,
}
_ANSWER: Final = {"id": "@calls", "error": {"status": 202, "code": "@codes", "description": "No"}}
_CALL: Final = {
    "id": "@calls",
    "action": "@actions",
    "within": "@seconds",
    "params": {"messages": []},
    "count": "@counts",
    "first": False,
    "retry_after": "@seconds",
}
_STATE: Final = [0, [["", {}, 0.0], ["asked", {"name": "Ann"}, _NOW]], {MESSAGE_ID: "@counts"}]

_VALUES: Final[dict[str, Any]] = {
    "schedules": (
        None,
        {"type": "every", "seconds": 60.0},
        {"type": "every", "seconds": 0},
        {"type": "every", "seconds": 1e-300},
        {"type": "every", "seconds": -5},
        {"type": "cron", "expression": "0 9 * * MON-FRI", "zone": "UTC"},
        {"type": "cron", "expression": "0 0 30 2 *", "zone": "Asia/Shanghai"},
        {"type": "cron", "expression": "* * * * *", "zone": "../../etc/passwd"},
        {"type": "cron", "expression": "", "zone": ""},
    ),
    "moments": (_NOW - 1, 0, -1e308, 1e308, 1e18, -62135596801, None),
    "codes": (403, 0, 429, 401, 7000, 2**40, [1]),
    "calls": ("call-1", "call-2", "", MESSAGE_ID),
    "actions": (CREATE_MESSAGE, "CREATE_PLAIN_MESSAGES", "TAKE", "REFUSED", "LEAVE"),
    "seconds": (0.01, 0, -1, 1e308, 1e-320, None),
    "counts": (1, 0, -1, 100, 2**31, 2**63, -(2**63)),
    "statuses": ("READ", "DELIVERED", "SENT", "", "read", None),
}
"""What stands for ``@schedules`` and the others: the first is a plain one."""


class _JetStream:
    """Stands for NATS: each stream and each bucket holds ``record``, and that alone.

    ``said`` is what was published, by subject.
    """

    def __init__(self) -> None:
        self.record = b""
        self.said: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()

    async def until_said(self, words: bytes) -> None:
        """Wait until something with these words was published."""
        while not any(words in body for _, body in self.said):
            self._news.clear()
            await self._news.wait()

    # As the client has it

    def new_inbox(self) -> str:
        return "inbox"

    async def publish(self, subject: str, body: bytes = b"", **_: Any) -> PubAck:
        self.said.append((subject, body))
        self._news.set()
        return PubAck(stream="a", seq=1)

    # As streams have it

    async def get_msg(self, _: str, *, seq: int, **__: Any) -> RawStreamMsg:
        if seq > 1:
            raise NotFoundError
        return RawStreamMsg(seq=seq, data=self.record)

    async def get_last_msg(self, _: str, __: str) -> RawStreamMsg:
        return RawStreamMsg(seq=1, data=self.record)

    async def delete_msg(self, _: str, __: int) -> bool:
        return True

    async def purge_stream(self, _: str, **__: Any) -> bool:
        return True

    # As buckets have it

    async def get(self, key: str) -> KeyValue.Entry:
        return KeyValue.Entry("a", key, self.record, 1, None, None, None)

    async def update(self, _: str, __: bytes, last: int | None = None) -> int:
        return (last or 0) + 1


class _Subscription:
    """A consumer that has these messages, one after another, and then no more."""

    def __init__(self, messages: Collection[Msg]) -> None:
        self._messages = list(messages)

    async def fetch(self, _: int, **__: Any) -> list[Msg]:
        if not self._messages:
            await asyncio.Event().wait()
        return [self._messages.pop(0)]

    async def unsubscribe(self) -> None:
        pass


class _World:
    """``nats`` as all parts of the client; ``held`` is the line of a gateway that has none yet."""

    def __init__(self, nats: _JetStream, held: HeldLine) -> None:
        self.nats: Any = nats
        self.held = held
        self.numbers = itertools.count()

    def message(self, record: bytes, reply: str = "inbox") -> Msg:
        return Msg(self.nats, "subject", reply, record)


@asynccontextmanager
async def _keeping(_: Watch) -> AsyncIterator[_World]:
    with tempfile.TemporaryDirectory() as folder:
        nats = _JetStream()
        held = HeldLine(
            Keystore.load(keystores()[3]),
            BotSettings(server="http://127.0.0.1:1", receipt_delay=3600.0),
            client=cast("Any", nats),
            js=cast("Any", nats),
            names=_NAMES,
            directory=Path(folder),
        )
        try:
            yield _World(nats, held)
        finally:
            await held.close()


async def _dead_letters(world: _World) -> None:
    letters = DeadLetterStream(world.nats, _NAMES)
    with suppress(BlazebotError):
        await letters.all()
    with suppress(BlazebotError):
        await letters.get(MESSAGE_ID)


async def _outbox(world: _World) -> None:
    outbox = OutboxStream(world.nats, _NAMES)
    await outbox.waiting(0, 10)
    await outbox.refused(1, "403")
    await outbox.failed()
    await outbox.forget(USER_ID)


async def _jobs(world: _World) -> None:
    """Whatever is kept of one job, the others run."""
    storage = BucketJobStorage(world.nats, _NAMES, world.nats, lambda: None)
    good = filled(Choices(b""), {**_ROW, "wake": 0.0}, _VALUES)
    good["job"][0] = _GOOD
    storage._learn("a", world.nats.record, 1)
    storage._learn("b", encode_json(good), 1)
    terms = {job.name: Terms(3600.0, 60.0) for job in await storage.all()}
    await storage.next_wake(terms)
    await storage.unknown(())
    claimed = await storage.claim(terms, _NOW, limit=10, running=())
    check(_GOOD in [job.name for job in claimed], "another job does not run")
    for job in claimed:
        if job.schedule is None:
            await storage.finish(job, _NOW)
            continue
        with suppress(JobError):
            await storage.repeat(job, job.schedule.after(_NOW, job.due))
    await storage.release(_NOW)


async def _states(world: _World) -> None:
    histories = Histories(BucketStateStorage(world.nats), 10**6)
    entry = histories.take((USER_ID, MESSAGE_ID))
    try:
        await histories.load(entry)
    except StateError:
        return
    history = entry.history
    for number in (history.newest, history.seen_by(MESSAGE_ID)):
        version = history.version(number)
        history.changed(MESSAGE_ID, number, version)
    histories.give_back(entry)


async def _deliveries(world: _World) -> None:
    """Whatever is delivered is settled, and then the next one is."""
    offered: list[MessageView] = []

    def take(view: MessageView) -> None:
        offered.append(view)
        view.created  # noqa: B018 - reads a time of any form
        deliveries.settle(view.message_id, "READ")

    good = message("Hi", message_id=_GOOD)
    replies = [f"$JS.ACK.a.b.1.{number}.{number}.1800000000000000000.0" for number in (1, 2)]
    records = (world.nats.record, encode_json(good))
    subscription = _Subscription(list(map(world.message, records, replies)))

    async def bind(*_: str) -> _Subscription:
        return subscription

    world.nats.pull_subscribe_bind = bind
    deliveries = Deliveries(world.nats, _NAMES, 1, offer=take, replay=take, settled=lambda _: None)
    deliveries.start()
    try:
        await world.nats.until_said(_GOOD.encode())
        await deliveries.flush()
    finally:
        await deliveries.stop()
    taken = (b"", b"+ACK", b"+TERM")  # empty: acknowledged
    ends = [one for one, body in world.nats.said if one in replies and body in taken]
    check(ends == replies, f"settled: {ends}")
    check(offered[-1].message_id == _GOOD, "the good message was not offered")


async def _handled(world: _World) -> None:
    await world.held._on_handled(world.message(world.nats.record))
    world.held._notes.clear()


async def _calls(world: _World) -> None:
    """Whatever a worker asks, the next one is answered."""
    held, number = world.held, f"good-{next(world.numbers)}"
    try:
        await held._on_calls(world.message(world.nats.record))
        good = Call(number, CREATE_MESSAGE, 0.01)
        await held._on_calls(world.message(encode_json([good])))
        await world.nats.until_said(number.encode())
    finally:
        left = list(held._calls.values())
        for task in left:
            task.cancel()
        ended = await asyncio.gather(*left, return_exceptions=True)
    for one in ended:
        check(one is None or isinstance(one, asyncio.CancelledError), f"a call ended with {one!r}")


async def _answers(world: _World) -> None:
    """Whatever a gateway answers, the call ends with the good answer at the latest."""
    line = GatewayLine(world.nats, _NAMES)
    line._id_prefix = "call"
    asked = asyncio.create_task(line.request(CREATE_MESSAGE, {}, within=5.0))
    await world.nats.until_said(b"call-1")
    await line._on_answers(world.message(world.nats.record))
    await line._on_line(world.message(world.nats.record))
    await line._on_answers(world.message(encode_json([Answer("call-1")])))
    with suppress(BlazebotError):
        await asked
    check(not line._waiting, "a call is waited for that has ended")


_READERS: Final[tuple[tuple[Callable[[_World], Awaitable[None]], Any], ...]] = (
    (_dead_letters, _LETTER),
    (_outbox, _ENTRY),
    (_outbox, _FAILED),
    (_jobs, _ROW),
    (_states, _STATE),
    (_deliveries, message("Hi")),
    (_handled, [{"message_id": MESSAGE_ID, "status": "@statuses"}] * 2),
    (_calls, [_CALL, _CALL]),
    (_answers, [_ANSWER]),
)
"""Who reads, and a good record."""


async def _attempt(world: _World, choices: Choices) -> None:
    read, good = choices.pick(_READERS)
    document = filled(choices, good, _VALUES)
    for _ in range(choices.below(3)):
        document = bent(choices, document)
    world.nats.record = spelled(choices, document)
    world.nats.said.clear()
    await read(world)


def records() -> AbstractContextManager[Attempt]:
    """Dead letters, the outbox, jobs, states, messages, notes, calls and answers, bent."""
    return in_loop(_keeping, _attempt, allowed=("cannot be read", "can run no more"))
