"""The sandbox, but that it answers before its commit, which comes late."""

from __future__ import annotations

import asyncio

from blazebot.cli.main import app
from blazebot.sandbox.storage.database import Database, Effect

LATE = 0.05
"""Seconds from the end of a turn to its commit."""

commit = Database._commit


def commit_late(self: Database) -> None:
    asyncio.get_running_loop().call_later(LATE, commit, self)


def follow_at_once(self: Database, effect: Effect) -> None:
    effect(None)


async def wait_for_nothing(self: Database) -> None:
    pass


if __name__ == "__main__":
    Database._commit = commit_late  # type: ignore[method-assign]
    Database.after_commit = follow_at_once  # type: ignore[method-assign]
    Database.committed = wait_for_nothing  # type: ignore[method-assign]
    app()
