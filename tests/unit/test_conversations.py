"""Conversations with people: each created once, many at once, and remembered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from blazebot.delivery.conversations import AT_ONCE, Conversations
from blazebot.errors import Forbidden, service_error


class Service:
    """Creates conversations when it is let, and notes for whom."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.open = asyncio.Event()
        self.open.set()
        self.full = asyncio.Event()

    async def create(self, user_id: str) -> None:
        self.created.append(user_id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == AT_ONCE:
            self.full.set()
        await self.open.wait()
        self.at_once -= 1
        if user_id == "gone":
            raise service_error(403, "no such user")


@pytest.fixture
def service() -> Service:
    return Service()


async def test_many_are_created_at_once_but_not_all_and_each_only_once(
    service: Service, tmp_path: Path
) -> None:
    conversations = Conversations(tmp_path / "conversations.db", service.create)
    service.open.clear()
    people = [f"user {number}" for number in range(100)]
    asked = [asyncio.create_task(conversations.ensure(f"with {one}", one)) for one in people * 2]
    await service.full.wait()
    service.open.set()
    await asyncio.gather(*asked)
    assert service.most_at_once == AT_ONCE
    assert sorted(service.created) == sorted(people)
    conversations.close()


async def test_those_created_and_those_heard_from_are_known_after_a_restart(
    service: Service, tmp_path: Path
) -> None:
    before = Conversations(tmp_path / "conversations.db", service.create)
    await before.ensure("with Alice", "Alice")
    before.exists("with Bob")
    with pytest.raises(Forbidden):
        await before.ensure("with gone", "gone")
    before.close()
    after = Conversations(tmp_path / "conversations.db", service.create)
    for name in ("Alice", "Bob", "Carol"):
        await after.ensure(f"with {name}", name)
    assert service.created == ["Alice", "gone", "Carol"]
    after.close()


async def test_who_is_heard_from_is_soon_on_disk_though_the_process_is_killed(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazebot.delivery.conversations._SAVE_AFTER", 0.0)
    killed = Conversations(tmp_path / "conversations.db", service.create)
    for number in range(2500):
        killed.exists(f"with {number}")
    await asyncio.sleep(0.01)
    after = Conversations(tmp_path / "conversations.db", service.create)
    for number in (0, 1700, 2499):
        await after.ensure(f"with {number}", str(number))
    assert not service.created
    after.close()
    killed.close()


async def test_a_file_that_cannot_be_used_holds_nothing_up(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "conversations.db").mkdir()
    conversations = Conversations(tmp_path / "conversations.db", service.create)
    await conversations.ensure("with Alice", "Alice")
    await conversations.ensure("with Alice", "Alice")
    assert service.created == ["Alice"]
    conversations.close()
