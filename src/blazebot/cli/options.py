"""Options that several commands share, and how a command reaches a running sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final, Literal
from uuid import UUID

import typer

if TYPE_CHECKING:
    from blazebot.testing.control import Control

DEFAULT_SANDBOX: Final = "http://127.0.0.1:7777"


def address(url: str) -> str:
    """Return a service's address as it was given; raises typer.BadParameter: it is none."""
    if url == DEFAULT_SANDBOX:  # to know what an address is takes longer than all else here
        return url
    from blazebot.bot.settings import check_address  # noqa: PLC0415
    from blazebot.errors import SettingsError  # noqa: PLC0415

    try:
        check_address("address", url)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    return url


Server = Annotated[
    str,
    typer.Option(
        "--server", envvar="BLAZEBOT_SERVER", callback=address, help="The sandbox's address."
    ),
]


def _token(token: str | None) -> str | None:
    if token and not (token.isascii() and token.isprintable()):
        raise typer.BadParameter("a token has letters, digits and signs of ASCII")
    return token


Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="BLAZEBOT_SANDBOX_TOKEN",
        callback=_token,
        help="The sandbox's token, if it is on another machine.",
    ),
]
Keystore = Annotated[
    str | None, typer.Option("--keystore", help="The bot's keystore; by default BLAZEBOT_KEYSTORE.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
BotId = Annotated[UUID | None, typer.Option("--bot", help="A bot's id; without it all bots.")]
KeystoreForm = Literal["app", "network-user", "ed25519", "rsa"]


@asynccontextmanager
async def control_of(server: str, token: str | None) -> AsyncIterator[Control]:
    """Yield the control API of the sandbox at ``server``."""
    import aiohttp  # noqa: PLC0415

    from blazebot.testing.control import Control  # noqa: PLC0415

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield Control(http, server)
