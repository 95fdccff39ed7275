"""Options that several commands share, and how a command reaches a running sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from blazebot.testing.control import Control

DEFAULT_SANDBOX: Final = "http://127.0.0.1:7777"

Server = Annotated[str, typer.Option("--server", help="The sandbox's address.")]
Token = Annotated[str | None, typer.Option("--token", help="Its token, beyond loopback.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
BotId = Annotated[str, typer.Option("--bot", help="The id of the bot; all bots without it.")]


@asynccontextmanager
async def control_of(server: str, token: str | None) -> AsyncIterator[Control]:
    """Yield the control API of the sandbox at ``server``."""
    import aiohttp  # noqa: PLC0415

    from blazebot.testing.control import Control  # noqa: PLC0415

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield Control(http, server)
