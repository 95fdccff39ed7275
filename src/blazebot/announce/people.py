"""Who ever wrote to the bot or befriended it, and who wants no announcements."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

import msgspec

from blazebot.announce.database import Database, rows_of
from blazebot.announce.stops import add_stop, remove_stop, stopped_among

_PAGE: Final = 5000


class People:
    """Whom announcements to all go to, and whom none goes to. Ids are in lower case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def met(self, user_ids: Iterable[str]) -> None:
        """Note that people wrote to the bot, or befriended it."""
        ids = msgspec.json.encode(list(user_ids)).decode()
        await self._database.write(
            lambda database: database.execute(
                "INSERT OR IGNORE INTO people SELECT value, ? FROM json_each(?)",
                (time.time(), ids),
            )
        )

    async def all(self) -> AsyncIterator[str]:
        """Yield everybody who ever did, in the order of their ids."""
        after = ""
        while page := await self._page(after):
            for user_id in page:
                yield user_id
            after = page[-1]

    async def _page(self, after: str) -> list[str]:
        text = await self._database.read(
            lambda database: rows_of(
                database,
                "SELECT json_quote(user_id) AS row FROM people WHERE user_id > ?"
                " ORDER BY user_id LIMIT ?",
                after,
                _PAGE,
            )
        )
        return msgspec.json.decode(text, type=list[str])

    async def stop(self, user_id: str) -> None:
        """Let no announcement go to somebody any more."""
        await self._database.write(lambda database: add_stop(database, user_id))

    async def resume(self, user_id: str) -> None:
        """Let announcements go to somebody again."""
        await self._database.write(lambda database: remove_stop(database, user_id))

    async def has_stopped(self, user_id: str) -> bool:
        """Tell whether somebody wants no announcements."""
        return bool(await self._database.read(lambda one: stopped_among(one, [user_id])))
