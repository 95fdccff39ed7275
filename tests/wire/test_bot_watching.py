"""What an HTTP endpoint shows of a bot that talks with the real sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from blazebot import Bot, Message, Text
from blazebot.errors import SettingsError
from blazebot.watch.endpoint import Endpoint
from blazebot.watch.guard import Address
from tests.wire.conftest import Logged
from tests.wire.running import fetch
from tests.wire.world import WITHIN, World, echoing

pytestmark = pytest.mark.sandbox("shared")

LOCAL = Address("127.0.0.1", 0)


class Scrapes:
    """An endpoint for one bot, and its metrics by name without prefix."""

    def __init__(self, bot: Bot, address: Address = LOCAL) -> None:
        self.endpoint = Endpoint(address, lambda: [bot.status()])
        self._bot = bot

    async def values(self) -> dict[str, float]:
        """Scrape once."""
        status, body = await fetch(f"{self.endpoint.url}/metrics")
        assert status == 200
        samples = [sample for family in parse(body) for sample in family.samples]
        return {
            sample.name.removeprefix("blazebot_"): sample.value
            for sample in samples
            if sample.labels.get("bot") == self._bot.id and "le" not in sample.labels
        }

    async def until(self, holds: Callable[[dict[str, float]], bool]) -> dict[str, float]:
        """Scrape until it is so."""
        async with asyncio.timeout(WITHIN):
            while True:
                values = await self.values()
                if holds(values):
                    return values
                await asyncio.sleep(0.01)


async def test_a_talk_with_a_failure_in_numbers(world: World) -> None:
    bot = await world.bot(max_tries=2)
    busy, go = asyncio.Event(), asyncio.Event()

    @bot.on(Text)
    async def take(message: Message[Text]) -> None:
        if message.content.text == "poison":
            raise ValueError("no antidote")
        if message.content.text == "wait":
            busy.set()
            await go.wait()
        await message.reply(message.content.text)

    scrapes = Scrapes(bot)
    async with scrapes.endpoint:
        assert (await scrapes.values()) == {"up": 0, "line_open": 0}
        async with bot:
            alice = await world.person(bot)
            await world.say(alice, bot, "poison", "hi", "wait", "behind")
            await busy.wait()
            values = await scrapes.until(lambda now: now["messages_at_hand"] == 2)
            assert values["up"] == values["line_open"] == 1
            assert values["messages_in_flight"] == 1
            go.set()
            await world.until_texts(alice, bot, ["hi", "wait", "behind"])
            values = await scrapes.until(lambda now: now["messages_acknowledged_total"] == 5)
            expected = {
                "messages_received_total": 5,
                "messages_handled_total": 4,
                "messages_failed_total": 2,
                "messages_retried_total": 1,
                "messages_redelivered_total": 0,
                "messages_let_go_total": 0,
                "messages_buried_total": 1,
                "messages_sent_total": 4,
                "messages_in_flight": 0,
                "messages_at_hand": 0,
                "dead_letters": 1,
                "quota_used_messages": 4,
                "quota_messages": 100_000,
                "bad_frames_total": 0,
                "reconnects_total": 0,
                "handler_seconds_count": 6,
                "handler_failures_total": 2,
            }
            assert values.items() >= expected.items()
            assert 0 < values["handler_seconds_sum"] < WITHIN
        assert (await scrapes.values()) == {"up": 0, "line_open": 0}


async def test_trouble_in_numbers(world: World) -> None:
    bot = echoing(await world.bot(conversation_limit=1, heartbeat=1.0))
    scrapes = Scrapes(bot)
    async with bot, scrapes.endpoint:
        alice = await world.person(bot)
        await world.until_texts(alice, bot, [])
        await world.control.add_fault("duplicate")
        await world.say(alice, bot, "twice")
        await scrapes.until(lambda now: now["messages_redelivered_total"] == 1)
        await world.control.add_fault("truncate")
        await world.say(alice, bot, "cut off")
        await scrapes.until(lambda now: now["bad_frames_total"] == 1)
        await world.control.add_fault("abort")
        await scrapes.until(lambda now: now["reconnects_total"] == 1 and now["line_open"] == 1)
        await world.say(alice, bot, *(str(number) for number in range(20)))
        await scrapes.until(lambda now: now["messages_let_go_total"] > 0)
        await world.until(lambda: world.texts(alice, bot)[-1] == "19")


@pytest.mark.sandbox("own")
async def test_it_is_ready_while_its_line_is_open(world: World, logged: Logged) -> None:
    bot = echoing(await world.bot())
    endpoint = Endpoint(LOCAL, lambda: [bot.status()])
    async with endpoint:
        assert await fetch(f"{endpoint.url}/readyz") == (503, f"{bot.id} stopped\n")
        async with bot:
            assert await fetch(f"{endpoint.url}/readyz") == (200, f"{bot.id} open\n")
            await world.sandbox.kill()
            await logged.until("line lost")
            assert await fetch(f"{endpoint.url}/readyz") == (503, f"{bot.id} connecting\n")
            assert await fetch(f"{endpoint.url}/healthz") == (200, "ok\n")
            await world.sandbox.start()


async def test_who_may_look() -> None:
    endpoint = Endpoint(Address("0.0.0.0", 0, "secret", ("bots",)), list)  # noqa: S104
    async with endpoint:
        url = f"http://127.0.0.1:{endpoint.url.rpartition(':')[2]}"
        for path in ("metrics", "healthz", "readyz", "other"):
            assert (await fetch(f"{url}/{path}"))[0] == 401
            assert (await fetch(f"{url}/{path}", Host="evil.example"))[0] == 403
        admitted = {"Authorization": "Bearer secret"}
        assert (await fetch(f"{url}/metrics", Host="bots:80", **admitted))[0] == 200
        assert await fetch(f"{url}/readyz", **admitted) == (200, "\n")
        assert (await fetch(f"{url}/other", **admitted))[0] == 404
    endpoint = Endpoint(LOCAL, list)
    async with endpoint:
        assert (await fetch(f"{endpoint.url}/metrics", Host="evil.example"))[0] == 403
        with pytest.raises(SettingsError, match="watch_port"):
            await Endpoint(
                Address("127.0.0.1", int(endpoint.url.rpartition(":")[2])), list
            ).__aenter__()


async def test_beyond_loopback_a_token_is_needed() -> None:
    with pytest.raises(SettingsError, match="set watch_token"):
        Bot("none.json", watch_host="0.0.0.0")  # noqa: S104
    bot = Bot("none.json", watch_host="0.0.0.0", watch_token="secret")  # noqa: S104, S106
    assert "secret" not in repr(bot.settings)
