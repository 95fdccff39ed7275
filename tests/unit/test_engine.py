"""The engine: handlers over the inbox, with a line and handlers that the tests hold in hand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest

from blazebot.delivery import engine as engine_module
from blazebot.delivery.engine import Engine
from blazebot.delivery.inbox import Inbox
from blazebot.delivery.retries import RetryPolicy
from blazebot.errors import ConnectionLost, HandlerTimeout, RequestTimeout
from blazebot.wire.messages import DELIVERED, READ, MessageView

Handle = Callable[[str], Coroutine[Any, Any, None]]


def view(message_id: str) -> MessageView:
    """Return a message whose conversation is the first letter of its id."""
    return MessageView(message_id=message_id, conversation_id=message_id[0], category="PLAIN_TEXT")


async def settle() -> None:
    """Let everything run that can run without time going on."""
    for _ in range(30):
        await asyncio.sleep(0)


class World:
    """What stands around an engine: the line, the handlers, dead letters, acknowledgements.

    Handlers of messages in ``gates`` wait for theirs; ``handle`` may be replaced. Everything is
    noted, and :meth:`until` waits for it.
    """

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.acknowledged: list[tuple[str, str]] = []
        self.buried: list[tuple[str, BaseException, int]] = []
        self.asked = 0
        self.reconnected = 0
        self.is_open = True
        self.running = 0
        self.most_running = 0
        self.gates: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.gated = False
        self.handle: Handle | None = None
        self.bury: Handle | None = None
        self.answer: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.engine: Engine
        self.engines: list[Engine] = []

    def make(
        self,
        *,
        limit: int = 1000,
        lane_limit: int = 1000,
        awaited_limit: int = 1000,
        concurrency: int = 10,
        handler_timeout: float = 60.0,
        max_tries: int = 5,
        retry_window: float = 60.0,
    ) -> Engine:
        inbox = Inbox(
            limit=limit,
            lane_limit=lane_limit,
            keep_ids=600,
            ids_limit=1000,
            awaited_limit=awaited_limit,
        )
        self.inbox = inbox
        self.engine = Engine(
            inbox,
            handle=self._handle,
            bury=self._bury,
            acknowledge=lambda message_id, status: self.acknowledged.append((message_id, status)),
            line=self,
            concurrency=concurrency,
            handler_timeout=handler_timeout,
            max_tries=max_tries,
            retry_window=retry_window,
        )
        self.engines.append(self.engine)
        return self.engine

    def offer(self, *message_ids: str) -> None:
        for message_id in message_ids:
            self.engine.offer(view(message_id))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while True:
                if holds():
                    return
                await asyncio.sleep(0.001)

    async def _handle(self, message: MessageView) -> None:
        message_id = message.message_id
        self.begun.append(message_id)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.gated:
                await self.gates[message_id].wait()
            if self.handle is not None:
                await self.handle(message_id)
        finally:
            self.running -= 1
        self.ended.append(message_id)

    async def _bury(self, message: MessageView, error: BaseException, tries: int) -> None:
        if self.bury is not None:
            await self.bury(message.message_id)
        self.buried.append((message.message_id, error, tries))

    async def list_pending(self) -> None:
        self.asked += 1
        if self.answer is not None:
            await self.answer()

    async def reconnect(self) -> None:
        self.reconnected += 1
        self.engine.line_opened()
        if self.answer is not None:
            await self.answer()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    for engine in world.engines:
        await engine.stop(0)
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make retries and asking follow at once, nearly."""

    def policy(tries: int, window: float, _uniform: Any) -> RetryPolicy:
        return RetryPolicy(tries, window, lambda _, high: high, base=0.002, cap=0.002)

    monkeypatch.setattr(engine_module, "RetryPolicy", policy)
    monkeypatch.setattr(engine_module, "ASK_INTERVAL", 0.002)


def failing(*message_ids: str) -> Handle:
    async def handle(message_id: str) -> None:
        if message_id in message_ids:
            raise ValueError(message_id)

    return handle


def hanging(*message_ids: str) -> Handle:
    async def handle(message_id: str) -> None:
        if message_id in message_ids:
            await asyncio.Event().wait()

    return handle


# Order and concurrency


async def test_a_conversation_goes_in_order_and_others_beside_it(world: World) -> None:
    world.make()
    world.gated = True
    world.offer("a1", "a2", "b1", "a3", "b2")
    await settle()
    assert world.begun == ["a1", "b1"]
    world.gates["a1"].set()
    await settle()
    assert world.begun == ["a1", "b1", "a2"]
    for message_id in ("a2", "a3", "b1", "b2"):
        world.gates[message_id].set()
    await settle()
    assert world.acknowledged == [(one, READ) for one in ("a1", "a2", "a3", "b1", "b2")]
    assert world.engine.handled == 5


async def test_handlers_are_bounded_and_all_slots_are_used(world: World) -> None:
    world.make(concurrency=3)
    world.gated = True
    world.offer(*(f"{name}1" for name in "abcdefgh"))
    await settle()
    assert world.begun == ["a1", "b1", "c1"]
    world.gates["b1"].set()
    await settle()
    assert world.begun == ["a1", "b1", "c1", "d1"]
    for name in "acdefgh":
        world.gates[f"{name}1"].set()
    await settle()
    assert len(world.acknowledged) == 8
    assert world.most_running == 3


async def test_each_arrival_finds_a_free_slot_however_slots_have_idled_before(
    world: World,
) -> None:
    world.make(concurrency=4)
    for turn in range(5):
        world.gated = False
        world.offer(*(f"{name}{turn}.1" for name in "abcdef"))
        await settle()
        world.gated = True
        names = [f"{name}{turn}.2" for name in "abcdef"]
        for message_id in names:
            world.offer(message_id)
            if turn % 2:
                await asyncio.sleep(0)
        await settle()
        assert world.running == 4
        for message_id in names:
            world.gates[message_id].set()
        await settle()
        assert world.running == 0
    assert len(world.acknowledged) == 60


async def test_handlers_that_do_not_wait_need_one_slot(world: World) -> None:
    world.make()
    world.offer(*(f"{name}1" for name in "abcdef"))
    await settle()
    assert len(world.acknowledged) == 6
    assert len(world.engine._slots) == 1


async def test_a_flooding_conversation_delays_nobody(world: World) -> None:
    world.make(lane_limit=3, concurrency=2)
    world.gated = True
    world.offer(*(f"a{number}" for number in range(100)), "b1")
    await settle()
    assert world.begun == ["a0", "b1"]
    assert len(world.inbox) == 4


async def test_a_repeat_is_acknowledged_again_and_not_handled(world: World) -> None:
    world.make()
    world.offer("a1", "a1")
    await settle()
    world.offer("a1")
    await settle()
    assert world.begun == ["a1"]
    assert world.acknowledged == [("a1", READ), ("a1", READ)]


# Failure


@pytest.mark.usefixtures("quick")
async def test_a_failed_handler_is_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.make()
    failures = iter([ValueError("first"), ValueError("second")])

    async def handle(_: str) -> None:
        for failure in failures:
            raise failure

    world.handle = handle
    world.offer("a1", "a2")
    await world.until(lambda: len(world.acknowledged) == 2)
    assert world.begun == ["a1", "a1", "a1", "a2"]
    assert world.acknowledged == [("a1", READ), ("a2", READ)]
    assert world.engine.failed == 2
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


@pytest.mark.usefixtures("quick")
async def test_a_dead_letter_is_handled_again_in_its_conversations_turn(world: World) -> None:
    world.make(max_tries=2)
    world.handle = failing("a1")
    world.offer("a1")
    await world.until(lambda: world.acknowledged == [("a1", DELIVERED)])
    world.handle = None
    world.gated = True
    world.offer("a2")
    await settle()
    world.engine.replay(view("a1"))
    world.engine.replay(view("a1"))
    await settle()
    assert world.begun[-1] == "a2"
    world.gates["a2"].set()
    world.gates["a1"].set()
    await world.until(lambda: len(world.acknowledged) == 3)
    assert world.acknowledged[1:] == [("a2", READ), ("a1", READ)]


@pytest.mark.usefixtures("quick")
async def test_what_became_of_messages_is_counted(world: World) -> None:
    engine = world.make(max_tries=3)
    world.handle = failing("a1")
    world.offer("a1", "b1", "b1")
    await world.until(lambda: len(world.acknowledged) == 2)
    world.gated = True
    world.offer("c1", "d1", "b1")
    await settle()
    assert (engine.handled, engine.failed, engine.retried, engine.buried) == (1, 3, 2, 1)
    assert (engine.in_flight, len(world.inbox)) == (2, 2)
    assert (world.inbox.offered, world.inbox.repeats, world.inbox.let_go) == (6, 2, 0)


async def test_while_it_waits_for_its_next_try_it_holds_no_slot_and_its_conversation_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        engine_module,
        "RetryPolicy",
        lambda tries, window, _: RetryPolicy(tries, window, lambda _low, high: high, base=30.0),
    )
    world.make(concurrency=1)
    world.handle = failing("a1")
    world.offer("a1", "a2", "b1", "c1")
    await settle()
    assert world.begun == ["a1", "b1", "c1"]
    assert world.acknowledged == [("b1", READ), ("c1", READ)]


@pytest.mark.usefixtures("quick")
async def test_a_poisoned_message_blocks_its_conversation_only_until_it_is_dead(
    world: World,
) -> None:
    world.make(max_tries=3)
    world.handle = failing("a1")
    world.offer("a1", "a2")
    await world.until(lambda: len(world.acknowledged) == 2)
    assert world.begun == ["a1"] * 3 + ["a2"]
    assert world.acknowledged == [("a1", DELIVERED), ("a2", READ)]
    ((message_id, error, tries),) = world.buried
    assert (message_id, str(error), tries) == ("a1", "a1", 3)
    world.offer("a1")
    await settle()
    assert world.acknowledged[-1] == ("a1", DELIVERED)


@pytest.mark.usefixtures("quick")
async def test_the_retry_window_ends_tries_too(world: World) -> None:
    world.make(max_tries=10**6, retry_window=0.02)
    world.handle = failing("a1")
    world.offer("a1")
    await world.until(lambda: bool(world.buried))
    assert 1 < world.buried[0][2] <= 11


async def test_what_cannot_be_buried_holds_up_its_conversation_and_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BURY_PAUSE", 0.02)
    failures: list[Exception] = [OSError("disk full"), TimeoutError()]

    async def bury(_: str) -> None:
        if failures:
            raise failures.pop()

    world.make(max_tries=1)
    world.handle, world.bury = failing("a1"), bury
    world.offer("a1", "a2", "b1")
    await world.until(lambda: len(world.acknowledged) == 3)
    assert world.acknowledged == [("b1", READ), ("a1", DELIVERED), ("a2", READ)]
    assert world.begun.count("a1") == 3


async def test_an_outage_is_not_the_handlers_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "OUTAGE_PAUSE", 0.01)
    world.make(max_tries=1, handler_timeout=0.03)
    world.is_open = False
    world.gated = True

    async def fail_while_shut(_: str) -> None:
        if not world.is_open:
            raise ConnectionError("nobody answers")

    world.handle = fail_while_shut
    world.offer("a1")
    await asyncio.sleep(0.15)  # five times what a handler may take while the line is open
    assert world.ended == []
    world.gates["a1"].set()
    await world.until(lambda: world.begun.count("a1") >= 3)
    world.is_open = True
    await world.until(lambda: world.acknowledged == [("a1", READ)])
    assert world.buried == []


@pytest.mark.usefixtures("quick")
async def test_a_cancellation_that_hits_the_burying_loses_no_message(world: World) -> None:
    world.make(max_tries=1)
    pending = [cancelling_itself_and_raising]

    async def handle(message_id: str) -> None:
        if pending:
            await pending.pop()(message_id)

    async def bury(_: str) -> None:
        await asyncio.sleep(0)

    async def answer() -> None:
        world.offer("a1")

    world.handle, world.bury, world.answer = handle, bury, answer
    world.offer("a1", "a2")
    await world.until(lambda: len(world.acknowledged) == 2)
    assert world.acknowledged == [("a2", READ), ("a1", READ)]


@pytest.mark.usefixtures("quick")
@pytest.mark.usefixtures("quick")
async def test_a_handler_that_hangs_is_timed_out_tried_again_and_buried(world: World) -> None:
    world.make(handler_timeout=0.02, max_tries=2, concurrency=1)
    world.handle = hanging("a1")
    world.offer("a1", "a2", "b1")
    await world.until(lambda: len(world.acknowledged) == 3)
    assert Counter(world.begun)["a1"] == 2
    ((message_id, error, tries),) = world.buried
    assert (message_id, tries) == ("a1", 2)
    assert isinstance(error, HandlerTimeout)
    assert "handler_timeout" in str(error)


async def a_group_that_fails() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(failing("b")("b"))
        await asyncio.Event().wait()


@pytest.mark.usefixtures("quick")
async def test_a_handler_timed_out_while_it_cleans_up_leaves_no_cancellation_behind(
    world: World,
) -> None:
    world.make(handler_timeout=0.01, max_tries=1, concurrency=1)
    cancelled = 0
    left: list[int] = []
    slots = set()

    async def handle(message_id: str) -> None:
        nonlocal cancelled
        task = asyncio.current_task()
        assert task is not None
        left.append(task.cancelling())
        slots.add(task)
        while message_id == "a1" and cancelled < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled += 1
        if message_id == "a1":
            raise ValueError("cleaned up")
        # What relies on the count of cancellations works as ever.
        with pytest.raises(ExceptionGroup):
            await a_group_that_fails()

    world.handle = handle
    world.offer("a1", "b1")
    await world.until(lambda: len(world.acknowledged) == 2)
    assert left == [0, 0]
    assert len(slots) == 1
    assert isinstance(world.buried[0][1], HandlerTimeout)


@pytest.mark.usefixtures("quick")
async def test_a_handler_that_swallows_its_timeout_and_returns_has_succeeded(
    world: World,
) -> None:
    world.make(handler_timeout=0.01)

    async def handle(_: str) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    world.handle = handle
    world.offer("a1", "a2")
    await world.until(lambda: len(world.acknowledged) == 2)
    assert world.engine.failed == 0


async def test_handlers_that_wait_for_nothing_share_one_slot_though_they_give_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "FAIR_SHARE", 0.0)
    world.make(concurrency=10)
    others = 0

    async def other() -> None:
        nonlocal others
        while len(world.ended) < 20:
            others += 1
            await asyncio.sleep(0)

    world.offer(*(f"{name}1" for name in "abcdefghijklmnopqrst"))
    await other()
    assert others >= 20  # each gave way
    assert len(world.engine._slots) == 1


async def test_a_handler_that_waits_need_not_give_way_besides(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_way = 0
    give_way = Engine._give_way

    async def count(engine: Engine) -> None:
        nonlocal given_way
        given_way += 1
        await give_way(engine)

    monkeypatch.setattr(Engine, "_give_way", count)
    monkeypatch.setattr(engine_module, "FAIR_SHARE", 0.01)
    world.make(concurrency=1)

    async def handle(_: str) -> None:
        await asyncio.sleep(0.02)

    world.handle = handle
    world.offer("a1", "b1", "c1", "d1")
    await world.until(lambda: len(world.ended) == 4)
    assert given_way == 0


async def cancelled_future(_: str) -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def cancelling_itself(_: str) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def cancelling_itself_and_raising(_: str) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    raise ValueError


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "broken", [cancelled_future, cancelling_itself, cancelling_itself_and_raising]
)
async def test_a_handler_that_is_cancelled_by_itself_has_failed(
    world: World, broken: Handle
) -> None:
    world.make(max_tries=2, concurrency=1)

    async def handle(message_id: str) -> None:
        if message_id == "a1":
            await broken(message_id)

    world.handle = handle
    world.offer("a1", "a2", "b1")
    await world.until(lambda: len(world.acknowledged) == 3)
    assert Counter(world.begun) == {"a1": 2, "a2": 1, "b1": 1}
    assert Counter(world.acknowledged) == {("a1", DELIVERED): 1, ("a2", READ): 1, ("b1", READ): 1}


async def test_when_somebody_else_ends_all_tasks_busy_and_idle_slots_end(world: World) -> None:
    world.make()
    world.handle = hanging("a1")
    world.offer("a1", "b1")
    await settle()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    assert tasks
    for task in tasks:
        task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait(tasks)


# What was let go


@pytest.mark.usefixtures("quick")
async def test_what_was_let_go_is_asked_for_and_all_is_handled_in_order(world: World) -> None:
    world.make(limit=4, lane_limit=3, concurrency=2)
    pending = [f"{name}{number:02}" for number in range(20) for name in "abc"]

    async def answer() -> None:
        known = set(world.ended)
        for message_id in pending:
            if message_id not in known:
                world.offer(message_id)
                await asyncio.sleep(0)

    async def handle(_: str) -> None:
        await asyncio.sleep(0)

    world.answer, world.handle = answer, handle
    world.offer(*pending)
    await world.until(lambda: len(world.ended) == len(pending))
    for name in "abc":
        assert [one for one in world.ended if one[0] == name] == [
            f"{name}{number:02}" for number in range(20)
        ]
    assert world.reconnected == 0


@pytest.mark.usefixtures("quick")
async def test_too_many_awaiting_conversations_lead_to_a_new_line(world: World) -> None:
    world.make(limit=1, awaited_limit=1)

    async def answer() -> None:
        world.offer("b1", "c1")

    world.answer = answer
    world.offer("a1", "b1", "c1")
    await world.until(lambda: len(world.ended) == 3)
    assert world.reconnected >= 1


@pytest.mark.parametrize("error", [ConnectionLost("gone"), RequestTimeout("late")])
async def test_a_request_that_fails_is_not_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(engine_module, "ASK_INTERVAL", 0.0)
    monkeypatch.setattr(engine_module, "ASK_PATIENCE", 0.02)
    world.make(lane_limit=1)

    async def answer() -> None:
        if not world.reconnected:
            raise error
        world.offer("a2")

    world.answer = answer
    world.offer("a1", "a2")
    await world.until(lambda: world.ended == ["a1", "a2"])
    assert (world.asked, world.reconnected) == (1, 1)


@pytest.mark.usefixtures("quick")
async def test_what_never_comes_again_holds_up_its_conversation_only_until_a_new_line(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "ASK_PATIENCE", 0.02)
    world.make(lane_limit=1)

    async def answer() -> None:
        world.offer("a3")  # a2 has expired

    world.answer = answer
    world.offer("a1", "a2", "a3")
    await world.until(lambda: world.ended == ["a1", "a3"])
    assert world.reconnected == 1


@pytest.mark.usefixtures("quick")
async def test_patience_begins_with_asking_not_with_letting_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "ASK_PATIENCE", 0.02)
    world.make(lane_limit=2)
    pending = [f"a{number}" for number in range(6)]

    async def answer() -> None:
        world.offer(*(one for one in pending if one not in world.ended))

    world.answer = answer
    world.gated = True
    world.offer(*pending)
    await settle()
    world.gates["a0"].set()
    await world.until(lambda: world.asked == 1)
    # a2 came, and a3 was let go in its turn. Handlers take much longer than patience lasts.
    await world.until(lambda: world.engine._patience is None)
    await asyncio.sleep(0.05)
    assert world.reconnected == 0
    for message_id in pending:
        world.gates[message_id].set()
    await world.until(lambda: world.ended == pending)
    assert world.reconnected == 0


# The end


async def test_stopping_waits_for_running_handlers_and_begins_no_more(world: World) -> None:
    world.make()
    world.gated = True
    world.offer("a1", "a2", "b1")
    await settle()
    stopping = asyncio.create_task(world.engine.stop(60))
    await settle()
    world.offer("c1")
    world.gates["a1"].set()
    await settle()
    assert not stopping.done()
    world.gates["b1"].set()
    await stopping
    assert world.acknowledged == [("a1", READ), ("b1", READ)]
    assert world.begun == ["a1", "b1"]


async def test_stopping_gives_up_handlers_after_the_grace_unacknowledged(world: World) -> None:
    world.make(max_tries=1)
    world.handle = hanging("a1", "b1")
    world.offer("a1", "b1", "c1")
    await settle()
    async with asyncio.timeout(5):
        await world.engine.stop(0.01)
    assert world.acknowledged == [("c1", READ)]
    assert world.running == 0
    assert world.buried == []


async def test_stopping_leaves_behind_a_handler_that_swallows_its_cancellation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "GIVE_UP", 0.01)
    world.make()
    go = asyncio.Event()

    async def handle(_: str) -> None:
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue

    world.handle = handle
    world.offer("a1")
    await settle()
    async with asyncio.timeout(5):
        await world.engine.stop(0)
    assert world.running == 1
    go.set()
    await settle()
    assert world.running == 0


@pytest.mark.usefixtures("quick")
async def test_stopping_between_tries_ends_at_once(world: World) -> None:
    world.make()
    world.handle = failing("a1")
    world.offer("a1", "a2")
    await world.until(lambda: world.engine.failed >= 2)
    async with asyncio.timeout(5):
        await world.engine.stop(60)
    failed = world.engine.failed
    await asyncio.sleep(0.01)
    assert world.engine.failed == failed
    assert world.acknowledged == []


async def test_stopping_an_engine_that_never_ran(world: World) -> None:
    await world.make().stop(60)


def test_nothing_is_left_when_the_loop_ends_without_stopping(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        world = World()
        world.make()
        world.handle = hanging("a1")
        world.offer("a1", "b1")
        await settle()

    with caplog.at_level(logging.ERROR):
        asyncio.run(asyncio.wait_for(main(), 5))
    assert caplog.records == []


def ids(count: int, names: Sequence[str]) -> list[str]:
    return [f"{name}{number}" for number in range(count) for name in names]


@pytest.mark.usefixtures("quick")
async def test_all_at_once(world: World) -> None:
    """Failing, hanging, flooding and well-behaved conversations, little room: all ends well."""
    world.make(limit=8, lane_limit=3, concurrency=3, handler_timeout=0.02, max_tries=2)
    pending = ids(8, "abcdef")
    fails, hangs = failing("a3", "b5"), hanging("c2")

    async def answer() -> None:
        settled = {message_id for message_id, _ in world.acknowledged}
        world.offer(*(one for one in pending if one not in settled))

    async def handle(message_id: str) -> None:
        await asyncio.sleep(0)
        await fails(message_id)
        await hangs(message_id)

    world.answer, world.handle = answer, handle
    world.offer(*pending)
    await world.until(lambda: len(set(world.acknowledged)) == len(pending))
    assert {one for one, *_ in world.buried} == {"a3", "b5", "c2"}
    for name in "abcdef":
        order = [one for one, _ in dict.fromkeys(world.acknowledged) if one[0] == name]
        assert order == ids(8, name)
    assert world.most_running <= 3
    assert len(world.inbox) == 0
    assert not world.inbox._lanes
