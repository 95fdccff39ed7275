"""``blazebot mcp``: the bot's messages for an assistant, which writes to whom it may."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blazebot.cli.command import run
from blazebot.cli.options import Keystore
from blazebot.errors import SettingsError


def mcp(
    *,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Who may be written to: a user's id, or group:ID; repeatable."),
    ] = None,
    allow_file: Annotated[
        Path | None,
        typer.Option(help="A file of them, one in each line, with what to call them."),
    ] = None,
    per_minute: Annotated[
        int | None,
        typer.Option(min=1, help="Messages that may be sent in a minute; by default 10."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="The endpoint of a bot that runs elsewhere: http://10.0.0.7:9464."),
    ] = None,
    attach_only: Annotated[
        bool, typer.Option("--attach-only", help="Fail where no bot runs; never hold its line.")
    ] = False,
    keystore: Keystore = None,
) -> None:
    """Serve the bot's messages to an assistant, by the Model Context Protocol on stdin and stdout.

    It attaches to the bot that runs with the same keystore and `--mailbox`. Where none runs on
    this machine it holds the bot's line itself, and takes it from one that runs elsewhere. The
    assistant can write only to those who are allowed: without --allow to nobody.
    """

    async def main() -> None:
        from blazebot.bot.running import set_up_logging  # noqa: PLC0415
        from blazebot.bot.settings import load_bot_settings  # noqa: PLC0415

        try:
            from blazebot.mcp.people import allowed_people  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise SettingsError("mcp: needs the extra `mcp`: pip install 'blazebot[mcp]'") from None
        from blazebot.mcp.finding import find_mail  # noqa: PLC0415
        from blazebot.mcp.rate import RateLimit  # noqa: PLC0415
        from blazebot.mcp.server import make_server  # noqa: PLC0415
        from blazebot.mcp.settings import load_mcp_settings  # noqa: PLC0415
        from blazebot.mcp.stdio import serve  # noqa: PLC0415

        given = {
            "allow": allow or None,
            "allow_file": allow_file,
            "per_minute": per_minute,
            "at": at,
            "attach_only": attach_only or None,
        }
        settings = load_mcp_settings(given)
        allowed = allowed_people(settings.allow, settings.allow_file)
        bot_settings = load_bot_settings({"keystore": keystore})
        set_up_logging(bot_settings)  # to standard error: standard output is the protocol's
        async with find_mail(settings, bot_settings) as (mail, ended):
            await serve(make_server(mail, allowed, RateLimit(settings.per_minute)), ended)

    run(main)
