"""Gateways and workers serve a bot as one process does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from blazebot.jetstream.lease import LOST_AFTER
from blazebot.jetstream.names import Names, partition_of
from blazebot.wire.messages import SENT
from tests.nats.conftest import MakeFleet
from tests.nats.fleet import ECHO, Fleet
from tests.nats.storm import kill


async def test_a_gateway_and_workers_serve_a_bot(make_fleet: MakeFleet) -> None:
    fleet = await make_fleet()
    await fleet.command("engine", "init", "bot.json")
    for process in (fleet.gateway("gateway"), fleet.worker("one"), fleet.worker("two")):
        await process.start()
    people = await fleet.greeted(20)
    await fleet.say({person: [f"text {number}" for number in range(20)] for person in people})
    counts = await fleet.settle(10)
    assert counts.is_perfect, counts
    log = await fleet.command("engine", "status", "bot.json", "--json")
    status = json.loads(log.splitlines()[-1])
    assert status["waiting"] == status["at_workers"] == status["dead_letters"] == 0
    assert status["holder"].endswith(f"process {(await fleet.holder()).pid}")
    for process in fleet.processes:
        assert await process.stop() == 0, process.log
        assert "Traceback" not in process.log, process.log


async def test_one_process_can_be_both_and_waits_for_nats(make_fleet: MakeFleet) -> None:
    fleet = await make_fleet()
    await fleet.both("bot").start()
    people = await fleet.greeted(2)
    await fleet.say({person: ["one", "two"] for person in people})
    counts = await fleet.settle(10)
    assert counts.is_perfect, counts
    await fleet.nats.stop()
    await fleet.say({person: ["three", "four"] for person in people})
    await asyncio.sleep(LOST_AFTER)  # for so long the bot has the line still
    untold = [one for one in fleet.seen_of(people) if one["text"] in ("three", "four")]
    assert {one["status"] for one in untold} == {SENT}
    await fleet.nats.start()
    counts = await fleet.settle(20)
    assert counts.is_perfect, counts
    assert await fleet.processes[0].stop() == 0, fleet.processes[0].log


ANTIDOTE = "from pathlib import Path\nANTIDOTE = Path('antidote')\n" + ECHO.replace(
    'if text == "poison":', 'if text == "poison" and not ANTIDOTE.exists():'
)


async def test_what_no_handler_takes_becomes_a_dead_letter_until_it_is_handled(
    make_fleet: MakeFleet,
) -> None:
    fleet = await make_fleet(bot=ANTIDOTE)
    for process in (fleet.gateway("gateway"), fleet.worker("worker")):
        await process.start()
    (person,) = await fleet.greeted(1)
    await fleet.say({person: ["poison", "after it"]})
    await fleet.until(lambda: fleet.echoes(person) == ["after it"], 30)
    (letter,) = await dead_letters(fleet)
    assert letter["error"] == "ValueError: no antidote"
    assert letter["tries"] == 3
    await fleet.command("dead-letters", "replay", letter["message_id"])
    (again,) = await dead_letters_when(fleet, lambda now: now and now != [letter])
    assert again["message_id"] == letter["message_id"]
    (fleet.folder / "antidote").touch()
    await fleet.command("dead-letters", "replay", "--all")
    await fleet.until(lambda: fleet.echoes(person) == ["after it", "poison"], 30)
    assert await dead_letters(fleet) == []


async def dead_letters(fleet: Fleet) -> list[dict[str, Any]]:
    log = await fleet.command("dead-letters", "list", "--json")
    found: list[dict[str, Any]] = json.loads(log.splitlines()[-1])["dead_letters"]
    return found


async def dead_letters_when(
    fleet: Fleet, condition: Callable[[list[dict[str, Any]]], object]
) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while not condition(found := await dead_letters(fleet)):
            pass
    return found


async def test_a_message_that_comes_again_has_no_second_effect(make_fleet: MakeFleet) -> None:
    """Neither within the window, over a restart of NATS, nor after it."""
    fleet = await make_fleet()
    gateway, worker = fleet.gateway("gateway"), fleet.worker("worker")
    await gateway.start()
    await worker.start()
    (person,) = await fleet.greeted(1)
    await fleet.say({person: ["once"]})
    assert (await fleet.settle(10)).is_perfect
    for node in fleet.nats.nodes:
        await kill(node)()
    await kill(worker)()  # it would know the message still
    names = Names(fleet.bot_id)
    async with fleet.jetstream() as js:
        state = (await js.stream_info(names.messages)).state
        stored = await js.get_msg(names.messages, state.last_seq)
        view = json.loads(stored.data or b"")
        subject = names.partition_subject(partition_of(view["conversation_id"], fleet.partitions))
        headers = {"Nats-Msg-Id": names.deduplication_id(view["message_id"])}
        again = await js.publish(subject, stored.data or b"", headers=headers)
        assert again.duplicate
        notes = (await js.stream_info(names.handled)).state.messages
        await js.publish(subject, stored.data or b"")  # as when its id is forgotten
        async with asyncio.timeout(30):
            while (await js.stream_info(names.handled)).state.messages == notes:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
    await fleet.say({person: ["the next"]})
    await fleet.until(lambda: fleet.echoes(person)[-1:] == ["the next"], 20)
    assert fleet.echoes(person) == ["once", "the next"]


async def test_a_note_is_kept_until_the_service_has_taken_all_that_it_says(
    make_fleet: MakeFleet,
) -> None:
    """That a message is READ, not only that it was DELIVERED, though the gateway ends between."""
    # DELIVERED is on its way already when the handler has ended.
    fleet = await make_fleet(bot=ECHO.replace("{work} * random.random()", "0.1"))
    gateway = fleet.gateway("gateway")
    await gateway.start()
    await fleet.worker("worker").start()
    (person,) = await fleet.greeted(1)
    await fleet.say({person: ["before"]})
    assert (await fleet.settle(15)).is_perfect
    acknowledging = {"bot_id": fleet.bot_id, "only": "ACKNOWLEDGE*"}
    await fleet.control.add_fault("slow", **acknowledging, seconds=0.5)
    await fleet.control.add_fault("error", **acknowledging, times=None)
    await fleet.control.add_fault("error", only="POST /acknowledgements", times=None)
    await fleet.say({person: ["once"]})
    async with asyncio.timeout(20):
        # The second time is a second after the first, and so after DELIVERED was answered.
        while True:
            faults = (await fleet.control.call("GET", "/faults"))["faults"]
            if faults[1]["struck"] >= 2:
                break
            await asyncio.sleep(0.02)
    await gateway.kill()
    await fleet.control.clear_faults()
    await fleet.gateway("the next").start()
    assert (await fleet.settle(15)).is_perfect
