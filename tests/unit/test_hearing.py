"""What a bot hears beside its messages: it is written in time, and waits where the disk fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from blazebot.announce import hearing as hearing_module
from blazebot.announce.database import FILE_NAME, Database
from blazebot.announce.hearing import Hearing
from blazebot.announce.people import People
from blazebot.announce.store import AnnouncementStore
from blazebot.wire.ids import contact_conversation_id
from blazebot.wire.messages import MessageView

BOT = str(UUID(int=1))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / FILE_NAME)
    yield database
    await database.close()


@pytest.fixture
def hearing(database: Database, monkeypatch: pytest.MonkeyPatch) -> Hearing:
    monkeypatch.setattr(hearing_module, "WRITE_EVERY", 3600.0)
    return Hearing(BOT, AnnouncementStore(database), People(database))


def from_user(number: int) -> MessageView:
    user_id = str(UUID(int=number))
    return MessageView(
        message_id="one", user_id=user_id, conversation_id=contact_conversation_id(BOT, user_id)
    )


async def met(directory: Path) -> list[str]:
    """Whom another process sees."""
    other = Database(directory / FILE_NAME)
    try:
        return [user_id async for user_id in People(other).all()]
    finally:
        await other.close()


async def test_all_that_was_heard_is_written_when_it_is_asked_for(
    hearing: Hearing, tmp_path: Path
) -> None:
    hearing.on_message(from_user(2))
    first = asyncio.create_task(hearing.write())
    await asyncio.sleep(0)  # its writing is under way
    await hearing.write()
    assert await met(tmp_path) == [str(UUID(int=2))]
    await first
    await hearing.close()


async def test_what_cannot_be_written_waits(
    hearing: Hearing, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).mkdir()
    for number in (2, 3):
        hearing.on_message(from_user(number))
        await hearing.write()
    assert caplog.text.count("wait until they can be kept") == 1
    (tmp_path / FILE_NAME).rmdir()
    await hearing.close()
    assert await met(tmp_path) == [str(UUID(int=2)), str(UUID(int=3))]


async def test_who_is_forgotten_while_the_disk_fails_stays_forgotten(
    hearing: Hearing, tmp_path: Path
) -> None:
    (tmp_path / FILE_NAME).mkdir()
    for number in (2, 3):
        hearing.on_message(from_user(number))
    await hearing.forget(str(UUID(int=2)))
    (tmp_path / FILE_NAME).rmdir()
    await hearing.close()
    assert await met(tmp_path) == [str(UUID(int=3))]


async def test_a_write_that_is_cancelled_loses_nothing(hearing: Hearing, tmp_path: Path) -> None:
    hearing.on_message(from_user(2))
    writing = asyncio.create_task(hearing.write())
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await hearing.close()
    assert await met(tmp_path) == [str(UUID(int=2))]
