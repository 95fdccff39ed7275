"""``blazebot demo``, and what goes on with a sandbox of one's own: ``bot`` and ``talk``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from blazebot.cli.command import run
from blazebot.cli.options import DEFAULT_SANDBOX, AsJson, KeystoreForm, Server, Token

Keys = Annotated[KeystoreForm, typer.Option(help="The kind of its keystore.")]


def _name(name: str) -> str:
    if not name.strip():
        raise typer.BadParameter("a bot has a name")
    return name


def demo(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Prove the delivery promise under kills, by itself.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --check: print the report as JSON.")
    ] = False,
    keys: Keys = "app",
) -> None:
    """Start a sandbox and an echo bot, and talk to the bot."""
    from blazebot.demo.chat import chat  # noqa: PLC0415
    from blazebot.demo.check import check as run_check  # noqa: PLC0415

    if as_json and not check:
        raise typer.BadParameter("--json goes with --check")
    if check:
        run(lambda: run_check(keys=keys, as_json=as_json))
    else:
        run(lambda: chat(keys=keys))


def bot(
    name: Annotated[str, typer.Argument(callback=_name, help="The bot's name.")],
    keystore: Annotated[Path, typer.Argument(help="Where to write its keystore: a new file.")],
    *,
    server: Server = DEFAULT_SANDBOX,
    token: Token = None,
    keys: Keys = "app",
    as_json: AsJson = False,
) -> None:
    """Create a bot in a running sandbox and write its keystore."""
    from blazebot.demo.talk import create_bot  # noqa: PLC0415

    async def main() -> None:
        bot_id = await create_bot(server, token, name=name, path=keystore, keys=keys)
        if as_json:
            print(json.dumps({"bot_id": bot_id, "keystore": str(keystore)}))  # noqa: T201
            return
        print(f"bot {name} ({bot_id}): {keystore}\n")  # noqa: T201
        print(f"run it with   BLAZEBOT_SERVER={server} python echo.py")  # noqa: T201
        print(f"talk to it by blazebot talk {bot_id}")  # noqa: T201

    run(main)


def talk(
    bot_id: Annotated[UUID, typer.Argument(help="The bot's id, as `blazebot bot` printed it.")],
    *,
    server: Server = DEFAULT_SANDBOX,
    token: Token = None,
) -> None:
    """Talk to a bot in a running sandbox, as a person who adds it as a friend."""
    from blazebot.demo.talk import talk_to  # noqa: PLC0415

    run(lambda: talk_to(server, token, str(bot_id)))
