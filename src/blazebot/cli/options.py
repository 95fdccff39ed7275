"""Options that several commands share, and how a command reaches a running sandbox."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from blazebot.testing.control import Control

DEFAULT_SANDBOX: Final = "http://127.0.0.1:7777"


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Return how the shell completes one of these words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def _address(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]\S*", url):
        raise typer.BadParameter(f"{url!r} is no address such as {DEFAULT_SANDBOX}")
    return url


Server = Annotated[
    str,
    typer.Option(
        "--server", envvar="BLAZEBOT_SERVER", callback=_address, help="The sandbox's address."
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="BLAZEBOT_SANDBOX_TOKEN",
        help="The sandbox's token, if it is on another machine.",
    ),
]
Keystore = Annotated[
    str | None, typer.Option("--keystore", help="The bot's keystore; by default BLAZEBOT_KEYSTORE.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
BotId = Annotated[str, typer.Option("--bot", help="A bot's id; without it all bots.")]


@asynccontextmanager
async def control_of(server: str, token: str | None) -> AsyncIterator[Control]:
    """Yield the control API of the sandbox at ``server``."""
    import aiohttp  # noqa: PLC0415

    from blazebot.testing.control import Control  # noqa: PLC0415

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield Control(http, server)
