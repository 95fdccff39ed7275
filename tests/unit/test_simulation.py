"""Whole bots in simulated time, and the same with one mechanism switched off, which must fail."""

from __future__ import annotations

import asyncio
import itertools
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blazebot.bot import parts
from blazebot.bot.runtime import Runtime
from blazebot.client import blaze
from blazebot.client.blaze import BlazeClient
from blazebot.client.receipts import ReceiptQueue, ReceiptSender
from blazebot.client.reconnects import Reconnect, Reconnects
from blazebot.delivery.engine import Engine
from blazebot.delivery.inbox import HandledIds, Inbox
from blazebot.delivery.message_ids import SentByHandler
from blazebot.delivery.outbox_store import OutboxStore
from blazebot.delivery.quota import QuotaState
from blazebot.keys.tokens import sign_token
from blazebot.wire.messages import READ, MessageView
from tests.simulation import world
from tests.unit.test_model import NeverAsking, RepeatsHandled, WithoutAwaiting, WithoutOrder

STEPS = 80

Patch = pytest.MonkeyPatch


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder that is in memory where there is such a place: each disk waits for its fsync."""
    place = Path("/dev/shm")  # noqa: S108 - each test makes its own folder in it
    if not place.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What a bot in such a world complains of is not to be read."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_what_must_hold(memory: Path) -> None:
    run_all(range(10), memory)


class Outage(world.World):
    """A bot says things in a row while the service is away for longer than ``send_timeout``."""

    async def play(self, _: int) -> None:
        await self.begin()
        await asyncio.sleep(5.0)
        life, conversation = self.lives[world.APPS[0]], world.CONVERSATIONS[0]
        self.service.weather.refused[""] = self.service.now + 150.0
        life.network.lines[-1].cut()
        # Requests are looked at now and then: so of those below the first is given up last.
        earlier = asyncio.ensure_future(life.say(world.CONVERSATIONS[1], "said 0", waits=True))
        await asyncio.sleep(0.1)
        numbers = range(1, 6)
        saying = [life.say(conversation, f"said {number}", waits=True) for number in numbers]
        await asyncio.gather(earlier, *saying)
        await asyncio.sleep(100.0)
        await self._end()
        texts = self.service.said[life.app_id, conversation]
        said = [text for text in texts if text.startswith("said")]
        assert said == [f"said {number}" for number in numbers]


def test_what_a_bot_says_in_an_outage_is_said_in_order_and_nothing_is_left(memory: Path) -> None:
    for seed in range(5):
        world.run(seed, 0, memory, Outage)


@pytest.mark.soak
def test_what_must_hold_for_long(memory: Path) -> None:
    run_all(range(1000, 3000), memory)


def run_all(seeds: range, folder: Path) -> None:
    for seed in seeds:
        world.run(seed, STEPS, folder)


# Mechanisms, each switched off


def handles_repeats(patch: Patch) -> None:
    patch.setattr(parts, "Inbox", RepeatsHandled)


def forgets_ids_at_once(patch: Patch) -> None:
    patch.setattr(HandledIds, "add", lambda *_: None)


def has_no_order(patch: Patch) -> None:
    patch.setattr(parts, "Inbox", WithoutOrder)


def awaits_nothing(patch: Patch) -> None:
    patch.setattr(parts, "Inbox", WithoutAwaiting)


def never_asks_again(patch: Patch) -> None:
    patch.setattr(parts, "Inbox", NeverAsking)


def has_no_bound(patch: Patch) -> None:
    patch.setattr(Inbox, "_is_full", lambda *_: False)


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


def acknowledges_at_once(patch: Patch) -> None:
    offer = Engine.offer

    def acknowledging(self: Engine, view: MessageView) -> None:
        self._acknowledge(view.message_id, READ)
        offer(self, view)

    patch.setattr(Engine, "offer", acknowledging)


def acknowledges_what_it_cannot_bury(patch: Patch) -> None:
    async def bury(*_: object) -> None:
        pass

    patch.setattr(Runtime, "_bury", bury)


def never_acknowledges_again(patch: Patch) -> None:
    patch.setattr(ReceiptQueue, "put_back", lambda *_: None)
    patch.setattr(Inbox, "status", lambda *_: None)
    patch.setattr(Engine, "offer", lambda self, view: self._inbox.offer(view) and self._wake_soon())


def flushes_nothing(patch: Patch) -> None:
    async def flush(_: ReceiptSender) -> None:
        pass

    patch.setattr(ReceiptSender, "flush", flush)


def gives_no_grace(patch: Patch) -> None:
    async def stop(self: Engine, _: float) -> None:
        await stop_for_long(self, 1000.0)

    stop_for_long = Engine.stop
    patch.setattr(Engine, "stop", stop)


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


def keeps_no_outbox(patch: Patch) -> None:
    async def nothing(*_: object) -> list[Any]:
        return []

    patch.setattr(OutboxStore, "waiting", nothing)


def has_no_quota(patch: Patch) -> None:
    patch.setattr(QuotaState, "take", lambda *_, **__: 0.0)


@pytest.mark.parametrize(
    ("switch_off", "complaint"),
    [
        (handles_repeats, "twice in one life|more than once"),
        (forgets_ids_at_once, "twice in one life"),
        (has_no_order, "out of order"),
        (awaits_nothing, "out of order"),
        (never_asks_again, "stuck"),
        (has_no_bound, "beyond the bound"),
        (derives_no_ids, "more than once"),
        (derives_no_ids_from_keys, "more than once"),
        (derives_ids_without_the_bot, "two bots have sent by one id"),
        (derives_ids_without_the_words, "swallowed|did not take effect"),
        (acknowledges_at_once, "without responsibility taken"),
        (acknowledges_what_it_cannot_bury, "without responsibility taken"),
        (never_acknowledges_again, "stuck"),
        (flushes_nothing, "without acknowledging"),
        (gives_no_grace, "a stop took"),
        (waits_no_time, "again and again without a pause"),
        (knows_one_host, "the other one not"),
        (keeps_its_token, "a token was used for two lines"),
        (lists_once, "stuck"),
        (keeps_no_outbox, "stuck.*unsaid"),
        (has_no_quota, "the quota is"),
    ],
)
def test_it_fails_without(
    switch_off: Callable[[Patch], None],
    complaint: str,
    memory: Path,
    monkeypatch: Patch,
) -> None:
    switch_off(monkeypatch)
    monkeypatch.setattr(world, "QUIET", 600.0)
    with pytest.raises(world.Broken, match=complaint):
        run_all(range(20), memory)
