"""The mechanisms by which what must hold does hold, each switched off."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

import pytest

from blazebot.announce import announcer
from blazebot.announce.announcer import Announcer
from blazebot.announce.store import AnnouncementStore
from blazebot.bot import parts
from blazebot.bot.jobs.store import JobStore
from blazebot.bot.runtime import Runtime
from blazebot.bot.states.history import History
from blazebot.bot.states.sqlite import SqliteStateStorage
from blazebot.client import blaze
from blazebot.client.blaze import BlazeClient
from blazebot.client.receipts import ReceiptQueue, ReceiptSender
from blazebot.client.reconnects import Reconnect, Reconnects
from blazebot.client.unauthorized import explain_unauthorized
from blazebot.client.views import EncryptedReceipt
from blazebot.delivery import batches
from blazebot.delivery.batches import Refusal, SendBatch, split
from blazebot.delivery.engine import Engine
from blazebot.delivery.inbox import HandledIds, Inbox
from blazebot.delivery.message_ids import SentByHandler
from blazebot.delivery.outbox import Outbox
from blazebot.delivery.outbox_store import Entry, Kept, OutboxStore
from blazebot.delivery.quota import QuotaState
from blazebot.delivery.replays import Replays
from blazebot.delivery.retries import RetryPolicy
from blazebot.errors import BlazebotError, ConnectionLost, Unauthorized
from blazebot.keys.tokens import sign_token
from blazebot.wire.messages import READ, MessageRequest, MessageView
from tests.unit.test_model import NeverAsking, RepeatsHandled, WithoutAwaiting, WithoutOrder

Patch: TypeAlias = pytest.MonkeyPatch

# Once


def handles_repeats(patch: Patch) -> None:
    patch.setattr(parts, "Inbox", RepeatsHandled)


def forgets_ids_at_once(patch: Patch) -> None:
    patch.setattr(HandledIds, "add", lambda *_: None)


def derives_no_ids(patch: Patch) -> None:
    numbers = itertools.count()
    patch.setattr(SentByHandler, "message_id", lambda *_: f"reply-{next(numbers)}")


def derives_no_ids_from_keys(patch: Patch) -> None:
    numbers = itertools.count()
    patch.setattr(SentByHandler, "keyed_message_id", lambda *_: f"keyed-{next(numbers)}")


def derives_ids_without_the_bot(patch: Patch) -> None:
    derive = SentByHandler.message_id

    def same_for_all(self: SentByHandler, *sent: Any) -> str:
        self.app_id = ""
        return derive(self, *sent)

    patch.setattr(SentByHandler, "message_id", same_for_all)


def derives_ids_without_the_words(patch: Patch) -> None:
    derive = SentByHandler.message_id
    patch.setattr(
        SentByHandler, "message_id", lambda self, place, kind, _: derive(self, place, kind, b"")
    )


# In order


def has_no_order(patch: Patch) -> None:
    patch.setattr(parts, "Inbox", WithoutOrder)


def awaits_nothing(patch: Patch) -> None:
    patch.setattr(parts, "Inbox", WithoutAwaiting)


# Retries and deadlines


def counts_outages(patch: Patch) -> None:
    make = Engine.__init__

    def always_open(self: Engine, *given: Any, line: Any, **rest: Any) -> None:
        seen = SimpleNamespace(
            is_open=True, list_pending=line.list_pending, reconnect=line.reconnect
        )
        make(self, *given, line=seen, **rest)

    patch.setattr(Engine, "__init__", always_open)


def gives_up_at_once(patch: Patch) -> None:
    patch.setattr(RetryPolicy, "next_try", lambda *_: None)


def never_gives_up(patch: Patch) -> None:
    patch.setattr(RetryPolicy, "next_try", lambda _, tries, first_failure, now: now + 5.0)


def has_no_deadline(patch: Patch) -> None:
    patch.setattr(Engine, "_watch_slots", lambda _: None)


def cuts_handlers_short(patch: Patch) -> None:
    make = Engine.__init__

    def hurried(self: Engine, *given: Any, **rest: Any) -> None:
        make(self, *given, **rest | {"handler_timeout": 15.0})

    patch.setattr(Engine, "__init__", hurried)


# Acknowledged when responsibility is taken


def acknowledges_at_once(patch: Patch) -> None:
    offer = Engine.offer

    def acknowledging(self: Engine, view: MessageView) -> None:
        self._acknowledge(view.message_id, READ)
        offer(self, view)

    patch.setattr(Engine, "offer", acknowledging)


def acknowledges_what_it_cannot_bury(patch: Patch) -> None:
    patch.setattr(Runtime, "_bury", _none)


def never_acknowledges_again(patch: Patch) -> None:
    patch.setattr(ReceiptQueue, "put_back", lambda *_: None)
    patch.setattr(Inbox, "status", lambda *_: None)
    patch.setattr(Engine, "offer", lambda self, view: self._inbox.offer(view) and self._wake_soon())


def acknowledges_nothing_unknown(patch: Patch) -> None:
    patch.setattr(BlazeClient, "_unknown", lambda *_: None)


def replays_nothing(patch: Patch) -> None:
    patch.setattr(Replays, "_look", lambda _: None)


# Backpressure


def never_asks_again(patch: Patch) -> None:
    patch.setattr(parts, "Inbox", NeverAsking)


def has_no_bound(patch: Patch) -> None:
    patch.setattr(Inbox, "_is_full", lambda *_: False)


def has_no_bound_of_bytes(patch: Patch) -> None:
    patch.setattr(parts, "Inbox", lambda **limits: Inbox(**limits | {"bytes_limit": 1_000_000_000}))


# Bad frames


def ends_the_line_for_a_bad_frame(patch: Patch) -> None:
    def skip(*_: object) -> None:
        raise ConnectionLost("a bad frame")

    patch.setattr(BlazeClient, "_skip", skip)


def counts_no_bad_frames(patch: Patch) -> None:
    patch.setattr(BlazeClient, "_skip", lambda *_: None)


# What the bot says


def keeps_no_outbox(patch: Patch) -> None:
    patch.setattr(OutboxStore, "waiting", _nothing)


def forgets_what_was_cancelled(patch: Patch) -> None:
    patch.setattr(Outbox, "_add", lambda self, entry: self._store.add(entry))


def takes_refused_for_sent(patch: Patch) -> None:
    send, settle = Outbox.send, Outbox._settle
    refused = set()

    async def noting(self: Outbox, one: Kept, refusal: BlazebotError | None) -> None:
        if refusal is not None:
            refused.add(one.entry.request.message_id)
        await settle(self, one, refusal)

    async def sent_before(self: Outbox, entry: Entry) -> None:
        if entry.request.message_id not in refused:
            await send(self, entry)

    patch.setattr(Outbox, "_settle", noting)
    patch.setattr(Outbox, "send", sent_before)


def takes_nothing_over(patch: Patch) -> None:
    patch.setattr(Outbox, "take_over", _nothing)


def refuses_all_for_one(patch: Patch) -> None:
    async def as_a_whole(
        requests: Sequence[MessageRequest], most: int, send: SendBatch
    ) -> list[Refusal | None]:
        batches = [requests[one.start : one.stop] for one in split(requests, most)]
        return [refusal for batch in batches for refusal in await send(batch)]

    patch.setattr(batches, "in_pieces", as_a_whole)
    patch.setattr(announcer, "in_pieces", as_a_whole)


def has_no_quota(patch: Patch) -> None:
    patch.setattr(QuotaState, "take", lambda *_, **__: 0.0)


def takes_changed_sessions_for_success(patch: Patch) -> None:
    patch.setattr(EncryptedReceipt, "succeeded", True)


def forgets_jobs(patch: Patch) -> None:
    patch.setattr(JobStore, "claim", _nothing)
    patch.setattr(JobStore, "next_wake", _none)


def runs_jobs_early(patch: Patch) -> None:
    claim = JobStore.claim

    def early(self: JobStore, terms: Any, now: float, **rest: Any) -> Awaitable[Any]:
        return claim(self, terms, now + 1000.0, **rest)

    patch.setattr(JobStore, "claim", early)


def forgets_announcements(patch: Patch) -> None:
    patch.setattr(AnnouncementStore, "active", _nothing)


async def _none(*_: object) -> None:
    pass


async def _nothing(*_: object, **__: object) -> list[Any]:
    return []


# States


def sees_the_newest_state(patch: Patch) -> None:
    patch.setattr(History, "seen_by", lambda self, _: self.newest)


def keeps_no_states(patch: Patch) -> None:
    patch.setattr(SqliteStateStorage, "load", _none)


# The line


def lists_once(patch: Patch) -> None:
    """A request for what is pending that is lost is not made again, as it was once."""
    opening = BlazeClient._open_line

    async def once(self: BlazeClient) -> None:
        asked = False

        async def ask() -> None:
            nonlocal asked
            if not asked:
                asked = True
                await BlazeClient.list_pending(self)

        patch.setattr(self, "list_pending", ask, raising=False)
        await opening(self)

    patch.setattr(BlazeClient, "_open_line", once)


def waits_no_time(patch: Patch) -> None:
    lost = Reconnects.lost

    def at_once(self: Reconnects, now: float) -> Reconnect:
        return Reconnect(0.0, lost(self, now).url, contested=False)

    patch.setattr(Reconnects, "lost", at_once)


def knows_one_host(patch: Patch) -> None:
    patch.setattr(Reconnects, "url", property(lambda self: self._urls[0]))


def keeps_its_token(patch: Patch) -> None:
    tokens: dict[int, str] = {}
    patch.setattr(
        blaze,
        "sign_token",
        lambda keystore, *_, **rest: tokens.setdefault(
            id(keystore), sign_token(keystore, "GET", "/", **rest)
        ),
    )


# 401


def believes_every_401(patch: Patch) -> None:
    async def confirm(_: BlazeClient, error: Unauthorized) -> None:
        raise error

    patch.setattr(BlazeClient, "_confirm", confirm)


def believes_no_401(patch: Patch) -> None:
    async def confirm(self: BlazeClient, _: Unauthorized) -> None:
        self._reconnects.refused()

    patch.setattr(BlazeClient, "_confirm", confirm)


def knows_no_cause(patch: Patch) -> None:
    def explain(error: Unauthorized, **_: object) -> Unauthorized:
        return explain_unauthorized(error, clock_skew=None, accepted_before=False)

    patch.setattr(blaze, "explain_unauthorized", explain)


def ends_the_outbox_by_a_401(patch: Patch) -> None:
    patch.setattr(Outbox, "_catch_up", _ended_by_a_401(Outbox._catch_up))


def ends_announcements_by_a_401(patch: Patch) -> None:
    patch.setattr(Announcer, "work_off", _ended_by_a_401(Announcer.work_off))


def _ended_by_a_401(work: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def ended(self: Any) -> None:
        try:
            await work(self)
        except Unauthorized:
            raise asyncio.CancelledError from None

    return ended


# Stopping


def flushes_nothing(patch: Patch) -> None:
    patch.setattr(ReceiptSender, "flush", _none)


def gives_no_grace(patch: Patch) -> None:
    async def stop(self: Engine, _: float) -> None:
        await stop_for_long(self, 1000.0)

    stop_for_long = Engine.stop
    patch.setattr(Engine, "stop", stop)


@dataclass(frozen=True)
class Mechanism:
    """A mechanism: how it is switched off, what the world says then, and what it takes for that.

    ``often`` are actions of the adversary.
    """

    switch_off: Callable[[Patch], None]
    complaint: str
    often: Collection[str] = ()

    @property
    def name(self) -> str:
        """What a bot does without it."""
        return self.switch_off.__name__


_KILLED: Final = ("process_is_killed", "process_is_stopped")
_REDELIVERED: Final = (*_KILLED, "receipts_are_lost")
_REFUSED: Final = ("sends_are_forbidden", "bot_says_by_key")

MECHANISMS: Final = (
    Mechanism(handles_repeats, "twice in one life|more than once"),
    Mechanism(forgets_ids_at_once, "twice in one life"),
    Mechanism(derives_no_ids, "more than once"),
    Mechanism(derives_no_ids_from_keys, "more than once"),
    Mechanism(derives_ids_without_the_bot, "two bots have sent by one id"),
    Mechanism(derives_ids_without_the_words, "swallowed|did not take effect"),
    Mechanism(has_no_order, "out of order|another state"),
    Mechanism(awaits_nothing, "out of order|another state|are lost"),
    Mechanism(counts_outages, "a try was counted", ("host_is_down",)),
    Mechanism(gives_up_at_once, "given up too early"),
    Mechanism(never_gives_up, "stuck: pending"),
    Mechanism(has_no_deadline, "stuck: pending"),
    Mechanism(cuts_handlers_short, "cut short"),
    Mechanism(acknowledges_at_once, "without responsibility taken"),
    Mechanism(acknowledges_what_it_cannot_bury, "without responsibility taken"),
    Mechanism(never_acknowledges_again, "stuck: pending", ("service_is_deaf", "line_breaks")),
    Mechanism(acknowledges_nothing_unknown, "stuck: pending", ("people_write_what_is_unknown",)),
    Mechanism(replays_nothing, "stuck: to be replayed", ("dead_letters_are_replayed",)),
    Mechanism(never_asks_again, "stuck: pending"),
    Mechanism(has_no_bound, "beyond the bound"),
    Mechanism(has_no_bound_of_bytes, "beyond the bound: .* bytes"),
    Mechanism(ends_the_line_for_a_bad_frame, "closed for a bad frame", ("bad_frames_come",)),
    Mechanism(counts_no_bad_frames, "bad frames were read", ("bad_frames_come",)),
    Mechanism(keeps_no_outbox, "stuck: .*unsaid", ("bot_says",)),
    Mechanism(forgets_what_was_cancelled, "left in the outbox|out of order", ("bot_says",)),
    Mechanism(takes_refused_for_sent, "stuck: .*unsaid.*key", _REFUSED),
    Mechanism(takes_nothing_over, "stuck: .*unsaid", ("session_is_replaced", "bot_says")),
    Mechanism(refuses_all_for_one, "stuck: .*unsaid", ("bot_announces",)),
    Mechanism(has_no_quota, "the quota is", ("bot_says",)),
    Mechanism(
        takes_changed_sessions_for_success,
        "did not take effect|swallowed|unsaid",
        ("person_changes_phones", "bot_says"),
    ),
    Mechanism(forgets_jobs, "stuck: .*unsaid.*job", ("job_is_scheduled",)),
    Mechanism(runs_jobs_early, "before its time", ("job_is_scheduled",)),
    Mechanism(forgets_announcements, "stuck: .*unsaid.*news", ("bot_announces",)),
    Mechanism(sees_the_newest_state, "in its state|another state", _REDELIVERED),
    Mechanism(keeps_no_states, "some are lost", _KILLED),
    Mechanism(lists_once, "stuck: pending", ("service_is_deaf", "line_breaks")),
    Mechanism(waits_no_time, "again and again without a pause"),
    Mechanism(knows_one_host, "the other one not", ("host_is_down",)),
    Mechanism(keeps_its_token, "a token was used for two lines", ("line_breaks",)),
    Mechanism(believes_every_401, "though its session is good", ("a_401_passes",)),
    Mechanism(believes_no_401, "refused for good", ("session_is_revoked",)),
    Mechanism(knows_no_cause, "ended for the cause", ("session_is_revoked", "clock_is_off")),
    Mechanism(ends_the_outbox_by_a_401, "stuck: .*unsaid.*said", ("a_401_passes", "bot_says")),
    Mechanism(
        ends_announcements_by_a_401, "stuck: .*unsaid.*news", ("a_401_passes", "bot_announces")
    ),
    Mechanism(flushes_nothing, "without acknowledging"),
    Mechanism(gives_no_grace, "a stop took", _KILLED),
)
