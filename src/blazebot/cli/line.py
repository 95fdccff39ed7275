"""The bot's own line, for commands that need it: it is taken from a bot that runs elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import typer

from blazebot.cli.service import Service
from blazebot.client.blaze import BlazeClient
from blazebot.delivery.session_lock import SessionLock, open_data_directory
from blazebot.errors import ConnectionLost
from blazebot.wire.messages import MessageView

WARNING = (
    "A session has one line: this takes it from a bot that runs with the same keystore on another "
    "machine, until that one takes it back."
)


def confirm_taking(*, yes: bool) -> None:
    """Ask whether the line may be taken; exits with 1 where not, or where nobody can be asked."""
    if yes:
        return
    typer.echo(WARNING, err=True)
    if not typer.confirm("Go on?", default=False, err=True):
        raise typer.Exit(1)


@asynccontextmanager
async def open_line(
    service: Service, on_message: Callable[[MessageView], None]
) -> AsyncIterator[tuple[BlazeClient, asyncio.Task[None]]]:
    """Yield an open line and the task that keeps it: it ends with the error if the line ends.

    Raises:
        SessionInUse: a bot of this machine runs with the session.
        Unauthorized: the service refuses it.
        ConnectionLost: it did not open within ``open_timeout``.
    """
    settings, keystore = service.settings, service.keystore
    lock = SessionLock(
        open_data_directory(settings.data_root, keystore.app_id), keystore.session_id
    )
    lock.acquire()
    try:
        client = BlazeClient(
            keystore,
            service.http,
            service.rest,
            urls=settings.blaze_addresses,
            on_message=on_message,
            on_receipt=lambda _: None,
            on_unknown=lambda _action, _id: None,
            on_open=lambda: None,
            on_accepted=lambda: lock.accepted(keystore.fingerprint),
            heartbeat=settings.heartbeat,
            request_timeout=settings.request_timeout,
            frame_limit=settings.frame_limit,
            accepted_before=lock.was_accepted(keystore.fingerprint),
        )
        running = asyncio.ensure_future(client.run())
        opened = asyncio.ensure_future(client.opened.wait())
        try:
            await asyncio.wait(
                (running, opened),
                timeout=settings.open_timeout,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if running.done():
                await running  # raises why
            if not client.opened.is_set():
                raise ConnectionLost(
                    f"{settings.blaze_addresses[0]}: no line within "
                    f"{settings.open_timeout:g} s; see open_timeout"
                )
            yield client, running
        finally:
            opened.cancel()
            await client.close()
            running.cancel()
            await asyncio.gather(running, opened, return_exceptions=True)
    finally:
        lock.release()
