"""``blazebot listen``: messages to the bot as they come, one line each."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson, Keystore

if TYPE_CHECKING:
    from blazebot.keys.encryption import MessageCipher
    from blazebot.wire.messages import MessageView


def listen(
    *,
    ack: Annotated[
        bool,
        typer.Option("--ack", help="Acknowledge them as read: the bot will not get them any more."),
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many messages.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the line without asking.")] = False,
    keystore: Keystore = None,
    as_json: AsJson = False,
) -> None:
    """Show messages to the bot as they come, one line each, without handling them.

    Without --ack the service keeps them for the bot. The line is taken from a bot that runs with
    the same keystore elsewhere; on the same machine this is refused.
    """
    from blazebot.cli.line import confirm_taking  # noqa: PLC0415

    confirm_taking(yes=yes)
    run(lambda: _listen(keystore, ack=ack, count=count, as_json=as_json))


async def _listen(keystore: str | None, *, ack: bool, count: int | None, as_json: bool) -> None:
    from blazebot.cli.line import open_line  # noqa: PLC0415
    from blazebot.cli.service import open_service  # noqa: PLC0415
    from blazebot.keys.encryption import MessageCipher  # noqa: PLC0415
    from blazebot.wire.limits import BATCH_LIMIT  # noqa: PLC0415
    from blazebot.wire.messages import READ, Receipt  # noqa: PLC0415

    # The reader must never wait: what comes while the terminal is slow waits here, and above the
    # bound is let go, as without --ack the service has it still.
    arrived: asyncio.Queue[MessageView] = asyncio.Queue(maxsize=10_000)
    seen: dict[str, None] = {}

    def take(view: MessageView) -> None:
        if not arrived.full() and view.message_id not in seen:
            seen[view.message_id] = None
            arrived.put_nowait(view)
            if len(seen) > 100_000:
                del seen[next(iter(seen))]

    async with open_service(keystore) as service, open_line(service, take) as (client, running):
        cipher = MessageCipher(service.keystore.session_id, service.keystore.private_key)
        print("listening; Ctrl-C ends it", file=sys.stderr)  # noqa: T201
        shown = 0
        while count is None or shown < count:
            getting = asyncio.ensure_future(arrived.get())
            await asyncio.wait((getting, running), return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                getting.cancel()
                await running  # raises why the line ended
                return
            views = [getting.result()]
            while len(views) < BATCH_LIMIT and not arrived.empty():
                views.append(arrived.get_nowait())
            if count is not None:
                views = views[: count - shown]
            for view in views:
                print(_line(view, cipher, as_json=as_json), flush=True)  # noqa: T201
            shown += len(views)
            if ack:
                await client.acknowledge([Receipt(view.message_id, READ) for view in views])


def _line(view: MessageView, cipher: MessageCipher, *, as_json: bool) -> str:
    content = _content(view, cipher)
    if as_json:
        return json.dumps(
            {
                "message_id": view.message_id,
                "conversation_id": view.conversation_id,
                "user_id": view.user_id,
                "category": view.category,
                "created_at": view.created_at,
                "content": content,
            }
        )
    from blazebot.bot.shown import printable  # noqa: PLC0415

    words = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return printable(f"{view.created_at} {view.user_id} {view.category}: {words}")


def _content(view: MessageView, cipher: MessageCipher) -> Any:
    from blazebot.bot.incoming import read_content  # noqa: PLC0415
    from blazebot.bot.shown import shown  # noqa: PLC0415
    from blazebot.errors import BlazebotError  # noqa: PLC0415

    try:
        return shown(read_content(view, cipher))
    except BlazebotError as error:
        return {"unreadable": str(error)}
