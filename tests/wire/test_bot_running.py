"""Several bots in a process: each lives and ends for itself, and gets a new keystore."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from blazebot.delivery.session_lock import SessionLock
from blazebot.errors import Unauthorized
from blazebot.keys.keystore import Keystore
from blazebot.testing.processes import Process
from tests.wire.running import SHARED, Running, fetch, keystore_of, write_keystore
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")

BOTS = (
    SHARED
    + """
one, two = make("one"), make("two")
"""
)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    (tmp_path / "bots.py").write_text(BOTS)
    return tmp_path


@pytest.fixture
async def started() -> AsyncIterator[list[Process]]:
    """Processes to be ended in the end."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        await process.stop()


def texts(world: World, person: str, bot_id: str) -> list[str]:
    return [one["text"] for one in world.messages(person) if one["user_id"] == bot_id]


async def talk(world: World, person: str, bot_id: str, text: str) -> None:
    """Let a person say something, and wait for the echo."""
    await world.people.send([{"person_id": person, "recipient_id": bot_id, "text": text}])
    await world.until(lambda: text in texts(world, person, bot_id))


async def test_one_that_is_refused_ends_alone_and_starts_again_with_a_new_keystore(
    world: World, folder: Path, started: list[Process]
) -> None:
    one, two = [await keystore_of(world, name, folder) for name in ("one", "two")]
    bots = Running(world, folder, "bots:one", "bots.py:two", "--watch-port", "0")
    started.append(bots.process)
    await bots.process.start()
    url = await bots.watched_at()
    await bots.until("line open", 2)
    assert await fetch(f"{url}/readyz") == (200, f"{one} open\n{two} open\n")
    alice = await world.person()
    await talk(world, alice, one, "first")

    session = await world.control.issue_session(one, "app")  # the one before is over
    await bots.until(f"bot {one} waits for another session in one.json")
    status, words = await fetch(f"{url}/readyz")
    assert status == 503
    assert f"{one} stopped: Unauthorized" in words
    assert f"{two} open" in words
    assert (await fetch(f"{url}/healthz"))[0] == 200
    await talk(world, alice, two, "still there")

    await world.people.send([{"person_id": alice, "recipient_id": one, "text": "meanwhile"}])
    write_keystore(folder / "one.json", session)
    await world.until(lambda: "meanwhile" in texts(world, alice, one))
    assert (await fetch(f"{url}/readyz"))[0] == 200
    await talk(world, alice, one, "with the new one")
    assert await bots.process.stop() == 0
    assert {entry["bot"] for entry in bots.entries if "line open" in entry["message"]} == {one, two}


async def test_what_is_no_new_session_is_not_tried(
    world: World, folder: Path, started: list[Process]
) -> None:
    one = await keystore_of(world, "one", folder)
    await keystore_of(world, "two", folder)
    (folder / "single.py").write_text(SHARED + 'bot = make("one")\n')
    bots = Running(world, folder, "single.py")
    started.append(bots.process)
    await bots.process.start()
    await bots.until("line open")
    session = await world.control.issue_session(one, "app")
    await bots.until("waits for another session")
    (folder / "one.json").write_text("{")
    await bots.until("goes on waiting: one.json")
    write_keystore(folder / "one.json", json.loads((folder / "two.json").read_text()))
    await bots.until("is now for bot")
    write_keystore(folder / "one.json", session)
    await bots.until("line open", 2)
    await world.control.issue_session(one, "app")
    await bots.until("waits for another session", 2)
    assert await bots.process.stop() == 3


async def test_one_that_cannot_start_ends_alone(
    world: World, folder: Path, started: list[Process]
) -> None:
    one, two = [await keystore_of(world, name, folder) for name in ("one", "two")]
    keystore = Keystore.load(folder / "two.json")
    (folder / "data" / two).mkdir(parents=True)
    lock = SessionLock(folder / "data" / two, keystore.session_id)
    lock.acquire()
    bots = Running(world, folder, "bots:one", "bots:two")
    started.append(bots.process)
    await bots.process.start()
    await bots.until("another process on this machine runs a bot with this session")
    alice = await world.person()
    await talk(world, alice, one, "still there")
    assert await bots.process.stop() == 1
    lock.release()


async def test_when_all_have_ended_so_has_the_process(
    world: World, folder: Path, started: list[Process]
) -> None:
    # There is no such keystore.
    bots = Running(world, folder, "bots:one", "bots:two")
    started.append(bots.process)
    await bots.process.start()
    async with asyncio.timeout(20):
        assert await bots.process.wait() == 1
    ended = [entry["message"] for entry in bots.entries]
    assert any("one.json has ended: one.json: there is no such file" in one for one in ended)
    assert any("two.json has ended" in one for one in ended)


async def test_a_bot_that_runs_by_itself_raises_what_ends_it(
    world: World, folder: Path, started: list[Process]
) -> None:
    one = await keystore_of(world, "one", folder)
    await world.control.issue_session(one, "app")
    (folder / "script.py").write_text(SHARED + 'make("one").run()\n')
    script = Running(world, folder).process
    script.command[1:] = ["script.py"]
    started.append(script)
    await script.start()
    async with asyncio.timeout(20):
        assert await script.wait() == 1
    assert f"blazebot.errors.{Unauthorized.__name__}" in script.log
