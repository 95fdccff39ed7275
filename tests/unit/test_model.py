"""A model of connection, receipts and redelivery, as a state machine over the pure parts.

The service, the line, the handlers and time are simulated; the bot is built from the inbox, the
receipt queue, the outstanding requests, the derived ids and the retry policy. What may happen at
any moment: live pushes that race with a request for pending messages, repeats, slow and missing
answers, a line that breaks between request and answer, failing handlers, dead letters that cannot
be written, and a process that is killed. At the end the faults stop, and everything must have been
handled and acknowledged. The same machine with one mechanism switched off must fail.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from blazebot.client.outstanding import Outstanding, OutstandingRequests
from blazebot.client.receipts import ReceiptQueue
from blazebot.delivery.inbox import Inbox, Item, Lane, Verdict
from blazebot.delivery.message_ids import SentByHandler
from blazebot.delivery.retries import RetryPolicy
from blazebot.wire.codec import decode_frame, decode_json, encode_request
from blazebot.wire.content import PLAIN_TEXT
from blazebot.wire.frames import (
    ACKNOWLEDGE_MESSAGE_RECEIPTS,
    CREATE_MESSAGE,
    LIST_PENDING_MESSAGES,
)
from blazebot.wire.messages import (
    DELIVERED,
    READ,
    SENT,
    MessageRequest,
    MessageView,
    Receipt,
    ReceiptBatch,
)

APP_ID: Final = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
CONVERSATIONS: Final = ("a", "b", "c", "d", "e")
MESSAGES_LIMIT: Final = 40
TRY_TIMEOUT: Final = 10.0
SEND_TIMEOUT: Final = 120.0
PATIENCE: Final = 60.0
KEEP_IDS: Final = 600.0

Told = Callable[[bool], None]
"""What waits for an answer: it is told whether there was one."""


@dataclass
class Line:
    """Frames on their way; what is still on it when it breaks is lost."""

    up: deque[bytes] = field(default_factory=deque)
    down: deque[MessageView | str] = field(default_factory=deque)
    listed: bool = False


def number(message_id: str) -> int:
    return int(message_id.partition("-")[2])


def replies_to(message_id: str) -> int:
    """Some messages are not answered, some once, some twice in the same words."""
    return number(message_id) % 3


class Service:
    """The message service: what is pending, and which replies took effect."""

    def __init__(self) -> None:
        self.pending: dict[str, MessageView] = {}
        self.created: Counter[str] = Counter()
        self.reply_ids: set[str] = set()
        self.replies: dict[str, list[str]] = {name: [] for name in CONVERSATIONS}
        self.line: Line | None = None
        # What bots, of whichever life, say in truth of themselves.
        self.handled: set[str] = set()
        self.given_up: set[str] = set()

    def create(self, conversation_id: str) -> None:
        message_id = f"{conversation_id}-{self.created[conversation_id]}"
        self.created[conversation_id] += 1
        view = MessageView(
            message_id=message_id, conversation_id=conversation_id, category=PLAIN_TEXT
        )
        self.pending[message_id] = view
        if self.line is not None and self.line.listed:
            self.line.down.append(view)

    def push_pending(self, line: Line) -> None:
        line.down.extend(self.pending.values())

    def take(self, line: Line, *, answered: bool) -> None:
        frame = decode_frame(line.up.popleft())
        if frame.action == LIST_PENDING_MESSAGES:
            line.listed = True
            self.push_pending(line)
        elif frame.action == CREATE_MESSAGE:
            self.take_reply(decode_json(frame.params, MessageRequest))
        else:
            self.acknowledged(decode_json(frame.params, ReceiptBatch).messages)
        if answered:
            line.down.append(frame.id)

    def take_reply(self, reply: MessageRequest) -> None:
        if reply.message_id in self.reply_ids:
            return
        self.reply_ids.add(reply.message_id)
        to = reply.quote_message_id or ""
        replies = self.replies[reply.conversation_id]
        replies.append(to)
        assert replies.count(to) <= replies_to(to), f"the reply to {to} took effect once more"
        # One that was given up may succeed after all when its acknowledgement was lost.
        in_order = [number(one) for one in replies if one not in self.given_up]
        assert in_order == sorted(in_order), "replies took effect out of order"

    def acknowledged(self, receipts: list[Receipt]) -> None:
        for receipt in receipts:
            expected = self.handled if receipt.status == READ else self.given_up
            assert receipt.message_id in expected, "acknowledged without responsibility taken"
            self.pending.pop(receipt.message_id, None)


@dataclass
class Run:
    """A handler at work on the oldest message of a lane."""

    lane: Lane
    item: Item
    sent: SentByHandler
    frame_id: str | None = None
    replies: int = 0


class Process:
    """One life of the bot: everything in it is gone when it is killed."""

    frame_ids = itertools.count()

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.service = machine.service
        self.inbox = machine.inbox_kind(
            limit=machine.inbox_limit,
            lane_limit=machine.lane_limit,
            keep_ids=KEEP_IDS,
            ids_limit=10 * MESSAGES_LIMIT,
            awaited_limit=machine.awaited_limit,
        )
        self.receipts = ReceiptQueue(limit=MESSAGES_LIMIT + 10)
        self.requests: OutstandingRequests[Told] = OutstandingRequests(try_timeout=TRY_TIMEOUT)
        self.retries = RetryPolicy(tries=3, window=60.0, uniform=lambda _, high: high)
        self.running: list[Run] = []
        self.opened = False
        self.asks = False
        self.handled_at: dict[str, float | None] = {}

    @property
    def now(self) -> float:
        return self.machine.now

    # Requests

    def request(self, action: str, params: object, told: Told, *, within: float | None) -> str:
        frame_id = f"frame-{next(self.frame_ids)}"
        limit = TRY_TIMEOUT if within is None else within
        request = Outstanding(
            encode_request(frame_id, action, params), told, self.now + limit, within is not None
        )
        self.requests.add(frame_id, request)
        if within is None or self.opened:
            self.write(request)
        return frame_id

    def write(self, request: Outstanding[Told]) -> None:
        line = self.service.line
        assert line is not None
        request.written_at = self.now
        line.up.append(request.body)

    def look_at_the_clock(self) -> None:
        due = self.requests.due(self.now)
        for request in due.expired:
            request.waiter(False)
        for request in due.again:
            self.write(request)
        self.inbox.wake(self.now)
        since = self.inbox.asked_since
        if since is not None and self.now - since >= PATIENCE:
            self.machine.break_line(0)

    # The line

    def connect(self) -> None:
        self.service.line = Line()
        self.inbox.line_opened()
        self.request(LIST_PENDING_MESSAGES, None, self.listed, within=None)

    def listed(self, answered: bool) -> None:
        # A service that serves without answering is served all the same.
        if self.service.line is not None:
            self.opened = True
            for request in self.requests.unwritten():
                self.write(request)

    def line_lost(self) -> None:
        self.opened = False
        for request in self.requests.lost():
            request.waiter(False)

    def read(self, came: MessageView | str) -> None:
        if isinstance(came, str):
            request = self.requests.answered(came)
            if request is not None:
                request.waiter(True)
            return
        verdict = self.inbox.offer(came)
        if verdict is Verdict.HANDLED:
            self.receipts.add(came.message_id, self.inbox.status(came.message_id) or READ)
        elif verdict is Verdict.ACCEPTED and self.machine.acknowledges_first:
            self.receipts.add(came.message_id, READ)

    def ask(self) -> None:
        if not (self.asks and self.opened):
            return
        self.asks = False
        if self.inbox.has_overflowed:
            self.machine.break_line(0)
        elif self.inbox.awaits_repeats:
            self.inbox.asked(self.now)
            self.request(LIST_PENDING_MESSAGES, None, lambda _: None, within=None)

    # Handlers

    def start_handlers(self) -> None:
        while len(self.running) < self.machine.concurrency:
            lane = self.inbox.next()
            if lane is None:
                return
            item = lane.items[0]
            sent = self.machine.ids_kind(APP_ID, item.view.message_id)
            self.running.append(Run(lane, item, sent))

    def go_on(self, run: Run) -> None:
        """Send the next reply or, all being answered, end well."""
        view = run.item.view
        if run.frame_id is not None:
            return
        if run.replies == replies_to(view.message_id):
            self.succeeded(run)
            return
        conversation_id = view.conversation_id or ""
        reply = MessageRequest(
            conversation_id=conversation_id,
            message_id=run.sent.message_id(conversation_id, PLAIN_TEXT, b"yes"),
            category=PLAIN_TEXT,
            status=SENT,
            quote_message_id=view.message_id,
        )

        def told(answered: bool) -> None:
            run.frame_id = None
            if answered:
                run.replies += 1
            else:
                self.fails(run)

        run.frame_id = self.request(CREATE_MESSAGE, reply, told, within=SEND_TIMEOUT)

    def succeeded(self, run: Run) -> None:
        self.running.remove(run)
        message_id = run.item.view.message_id
        if message_id in self.handled_at:
            confirmed_at = self.handled_at[message_id]
            forgotten = confirmed_at is not None and self.now - confirmed_at >= KEEP_IDS
            assert forgotten, f"{message_id} was handled twice in one life"
        self.handled_at[message_id] = None
        self.service.handled.add(message_id)
        self.settle(run.lane, message_id, READ)

    def fails(self, run: Run, *, last: bool = False, bury: bool = True) -> None:
        self.running.remove(run)
        if run.frame_id is not None:
            self.requests.dropped(run.frame_id)
        item, message_id = run.item, run.item.view.message_id
        item.tries = self.retries.tries if last else item.tries + 1
        if item.failed_at is None:
            item.failed_at = self.now
        again = self.retries.next_try(item.tries, item.failed_at, self.now)
        if again is not None:
            self.inbox.rest(run.lane, again)
            return
        self.service.given_up.add(message_id)
        if bury:
            self.settle(run.lane, message_id, DELIVERED)
        else:
            self.inbox.released(run.lane)
            self.asks = True

    def settle(self, lane: Lane, message_id: str, status: str) -> None:
        self.asks |= self.inbox.finished(lane, status)
        self.receipts.add(message_id, status)

    # Receipts

    def send_receipts(self, count: int) -> None:
        batch = self.receipts.take(count)
        if not batch:
            return

        def told(answered: bool) -> None:
            if answered:
                self.confirmed(batch)
            else:
                self.receipts.put_back(batch)

        if self.opened:
            params = ReceiptBatch(batch)
            self.request(ACKNOWLEDGE_MESSAGE_RECEIPTS, params, told, within=None)
        else:
            told(False)

    def confirmed(self, batch: list[Receipt]) -> None:
        ids = [receipt.message_id for receipt in batch]
        self.inbox.confirmed(ids, self.now)
        for message_id in ids:
            if message_id in self.handled_at and self.handled_at[message_id] is None:
                self.handled_at[message_id] = self.now


class Machine(RuleBasedStateMachine):
    """The service, one bot after another, and whatever may happen to them."""

    inbox_kind: ClassVar[type[Inbox]] = Inbox
    ids_kind: ClassVar[type[SentByHandler]] = SentByHandler
    acknowledges_first: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.service = Service()

    @initialize(
        inbox_limit=st.integers(1, 6),
        lane_limit=st.integers(1, 3),
        awaited_limit=st.integers(1, 4),
        concurrency=st.integers(1, 4),
        reads=st.sampled_from((1, 2, 100)),
        backlog=st.lists(st.sampled_from(CONVERSATIONS), max_size=20),
    )
    def begin(
        self,
        *,
        inbox_limit: int,
        lane_limit: int,
        awaited_limit: int,
        concurrency: int,
        reads: int,
        backlog: list[str],
    ) -> None:
        self.inbox_limit, self.lane_limit = inbox_limit, lane_limit
        self.awaited_limit = awaited_limit
        self.concurrency = concurrency
        self.reads = reads
        self.people_write(backlog)
        self.bot = Process(self)
        self.bot.connect()

    # What people and the service do

    @precondition(lambda self: self.service.created.total() < MESSAGES_LIMIT)
    @rule(conversation_ids=st.lists(st.sampled_from(CONVERSATIONS), min_size=2, max_size=12))
    def people_write(self, conversation_ids: list[str]) -> None:
        for conversation_id in conversation_ids:
            self.service.create(conversation_id)

    @rule(count=st.integers(1, 6), answered=st.sampled_from((True, True, True, False)))
    def service_takes(self, count: int, answered: bool) -> None:
        line = self.service.line
        while line is not None and line.up and count:
            self.service.take(line, answered=answered)
            count -= 1

    @rule()
    def service_repeats(self) -> None:
        line = self.service.line
        if line is not None and line.listed:
            self.service.push_pending(line)

    # What the bot does

    @rule(count=st.sampled_from((1, 2, 5, 20)))
    def bot_reads(self, count: int) -> None:
        line = self.service.line
        while line is not None and line.down and count:
            self.bot.read(line.down.popleft())
            count -= 1

    @rule(count=st.integers(1, 4))
    def handlers_go_on(self, count: int) -> None:
        for _ in range(count):
            self.bot.start_handlers()
            for run in list(self.bot.running):
                self.bot.go_on(run)

    @rule(which=st.integers(0, 3), last=st.booleans(), bury=st.booleans())
    def a_handler_fails(self, which: int, last: bool, bury: bool) -> None:
        self.bot.start_handlers()
        if self.bot.running:
            run = self.bot.running[which % len(self.bot.running)]
            self.bot.fails(run, last=last, bury=bury)

    @rule(count=st.integers(1, 3))
    def receipts_go_out(self, count: int) -> None:
        self.bot.send_receipts(count)

    @rule(count=st.integers(1, 3), taken=st.booleans(), answered=st.booleans())
    def receipts_go_by_rest(self, count: int, taken: bool, answered: bool) -> None:
        batch = self.bot.receipts.take(count)
        if taken:
            self.service.acknowledged(batch)
        if taken and answered:
            self.bot.confirmed(batch)
        else:
            self.bot.receipts.put_back(batch)

    @rule()
    def bot_asks(self) -> None:
        self.bot.ask()

    @rule(rounds=st.integers(1, 3))
    def all_goes_well(self, rounds: int) -> None:
        for _ in range(rounds):
            self.round()

    # Time and faults

    @rule(seconds=st.sampled_from((0.5, 2.0, 11.0, 61.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.bot.look_at_the_clock()

    @precondition(lambda self: self.service.line is None or not self.service.line.down)
    @rule()
    def a_long_time_passes(self) -> None:
        # No push is on its way for longer than ids are remembered.
        self.now += KEEP_IDS + 1
        self.bot.look_at_the_clock()

    @rule(still_taken=st.integers(0, 3))
    def line_breaks(self, still_taken: int) -> None:
        self.break_line(still_taken)

    @rule()
    def line_opens(self) -> None:
        if self.service.line is None:
            self.bot.connect()

    @rule(still_taken=st.integers(0, 3))
    def process_is_killed(self, still_taken: int) -> None:
        self.break_line(still_taken)
        self.bot = Process(self)

    def break_line(self, still_taken: int) -> None:
        """End the line; some frames on their way to the service still arrive."""
        line, self.service.line = self.service.line, None
        while line is not None and line.up and still_taken:
            self.service.take(line, answered=False)
            still_taken -= 1
        self.bot.line_lost()

    # What must hold

    @invariant()
    def memory_is_bounded(self) -> None:
        inbox = self.bot.inbox
        lanes = inbox._lanes.values()
        assert len(inbox) == sum(len(lane.items) for lane in lanes) <= self.inbox_limit
        assert all(1 <= len(lane.items) <= self.lane_limit for lane in lanes)
        assert len(inbox._awaited) <= self.awaited_limit
        assert len(self.bot.requests) <= MESSAGES_LIMIT + 10 * self.concurrency

    def round(self) -> None:
        """A second without faults."""
        self.now += 1.0
        self.bot.look_at_the_clock()
        self.line_opens()
        self.service_takes(100, answered=True)
        line = self.service.line
        self.handlers_go_on(1)
        while line is not None and line.down:
            self.bot_reads(self.reads)
            self.handlers_go_on(3)
        self.bot.ask()
        self.bot.send_receipts(100)

    def teardown(self) -> None:
        rounds = 0
        while self.service.pending:
            assert rounds < 1000, f"stuck: {list(self.service.pending)}"
            self.round()
            rounds += 1
        for conversation_id, created in self.service.created.items():
            replies = Counter(self.service.replies[conversation_id])
            for index in range(created):
                message_id = f"{conversation_id}-{index}"
                assert message_id in self.service.handled | self.service.given_up, "lost"
                if message_id in self.service.handled:
                    assert replies[message_id] == replies_to(message_id), "not just once"


STEPS: Final = 40


TestModel = Machine.TestCase
TestModel.settings = settings(max_examples=300, stateful_step_count=STEPS, deadline=None)


# The same with one mechanism switched off


class RepeatsHandled(Inbox):
    """Removes no duplicates."""

    def offer(self, view: MessageView) -> Verdict:
        self._at_hand.discard(view.message_id)
        self._handled = type(self._handled)(keep=KEEP_IDS, limit=1)
        return super().offer(view)


class WithoutOrder(Inbox):
    """Gives each message a lane of its own."""

    def _accept(self, view: MessageView) -> None:
        self._at_hand.add(view.message_id)
        lane = self._lanes[view.message_id] = Lane(view.message_id)
        lane.items.append(Item(view))
        self._ready.append(lane)


class WithoutAwaiting(Inbox):
    """Takes whatever finds room, though its conversation has let an earlier one go."""

    def _has_room(self, view: MessageView) -> bool:
        awaited = self._awaited.pop(view.conversation_id or "", None)
        self._overflowed = False
        room = super()._has_room(view)
        if awaited is not None and awaited.message_id != view.message_id:
            self._awaited[view.conversation_id or ""] = awaited
        return room


class NeverAsking(Inbox):
    """Does not tell that what was let go should be asked for again."""

    def _half_is_free(self, lane: Lane, freed: int) -> bool:
        return False


class NewIds(SentByHandler):
    """Gives each send a new id, in each run."""

    numbers = itertools.count()

    def message_id(self, conversation_id: str, category: str, content: bytes) -> str:
        return f"reply-{next(self.numbers)}"


class UnderivedIds(Machine):
    ids_kind = NewIds


class DuplicatesAndUnderivedIds(UnderivedIds):
    inbox_kind = RepeatsHandled


class Unordered(Machine):
    inbox_kind = WithoutOrder

    @invariant()
    def memory_is_bounded(self) -> None:
        """Not the point."""


class Unawaited(Machine):
    inbox_kind = WithoutAwaiting

    @invariant()
    def memory_is_bounded(self) -> None:
        """Not the point."""


class Unasked(Machine):
    inbox_kind = NeverAsking


class AcknowledgedFirst(Machine):
    acknowledges_first = True


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (DuplicatesAndUnderivedIds, "once|handled twice"),
        (UnderivedIds, "once"),
        (Unordered, "out of order"),
        (Unawaited, "out of order"),
        (Unasked, "stuck"),
        (AcknowledgedFirst, "without responsibility"),
    ],
)
def test_the_model_fails_without(broken: type[Machine], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        run_state_machine_as_test(
            broken,
            settings=settings(
                max_examples=500,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.quiet,
            ),
        )
