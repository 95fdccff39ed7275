"""The parts of a bot, put together, or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blazebot.bot import runtime
from blazebot.client.http import open_http
from blazebot.delivery.session_lock import SessionLock, open_data_directory
from blazebot.errors import SettingsError
from tests.routed import make_bot


async def test_a_start_that_fails_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[aiohttp.ClientSession] = []

    def opening(*arguments: Any) -> aiohttp.ClientSession:
        sessions.append(open_http(*arguments))
        return sessions[-1]

    def failing(*arguments: Any, **named: Any) -> None:
        raise SettingsError("no room")

    monkeypatch.setattr(runtime, "open_http", opening)
    monkeypatch.setattr(runtime, "Scheduler", failing)  # one of the last parts
    bot = make_bot()
    bot.use(bot.keystore, data_dir=str(tmp_path), server="http://127.0.0.1:1")
    with pytest.raises(SettingsError, match="no room"):
        await bot.start()
    assert [session.closed for session in sessions] == [True]
    lock = SessionLock(open_data_directory(tmp_path, bot.id), bot.keystore.session_id)
    lock.acquire()
    lock.release()
