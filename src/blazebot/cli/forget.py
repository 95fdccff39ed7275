"""``blazebot forget``: delete all that a bot keeps of a person."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from blazebot.cli.announcing import opened
from blazebot.cli.command import run
from blazebot.cli.options import AsJson, Keystore


def forget(
    user: Annotated[UUID, typer.Argument(help="Their user id.")],
    *,
    keystore: Keystore = None,
    as_json: AsJson = False,
) -> None:
    """Delete what the bot keeps of a person: announcements, states, outbox, dead letters, mailbox.

    If they want no announcements, that stays, as a hash that does not name them. What a running
    bot holds in memory goes with its next start.
    """

    user_id = str(user)

    async def main() -> None:
        async with opened(keystore) as (announcements, rest):
            await announcements.forget(user_id)
            await _forget_files(announcements.directory, rest.app_id, user_id)
        words = f"all that was kept of {user_id} is deleted"
        print(json.dumps({"forgotten": user_id}) if as_json else words)  # noqa: T201

    run(main)


async def _forget_files(directory: Path, app_id: str, user_id: str) -> None:
    from blazebot.bot.mailbox import store as mailbox  # noqa: PLC0415
    from blazebot.bot.states.sqlite import SqliteStateStorage  # noqa: PLC0415
    from blazebot.delivery import dead_letters, outbox_store  # noqa: PLC0415
    from blazebot.delivery.conversations import Conversations  # noqa: PLC0415
    from blazebot.wire.ids import contact_conversation_id  # noqa: PLC0415

    outbox = outbox_store.OutboxStore(directory / outbox_store.FILE_NAME, "")
    try:
        if outbox.exists:
            await outbox.forget(user_id)
    finally:
        await outbox.close()
    if (directory / "states.db").exists():
        states = SqliteStateStorage(directory / "states.db")
        try:
            await states.forget(user_id)
        finally:
            await states.close()
    await mailbox.forget(directory, user_id)
    with closing(dead_letters.DeadLetters(directory / dead_letters.FILE_NAME)) as letters:
        letters.forget(user_id)

    async def create(user_id: str) -> None:
        """No conversation is created here."""

    with closing(Conversations(directory / "conversations.db", create)) as conversations:
        conversations.forget(contact_conversation_id(app_id, user_id))
