"""The command ``blazebot``. What a command needs is imported when it runs: start-up counts."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from blazebot.errors import BlazebotError

app = typer.Typer(
    help="Mixin Messenger bots: the framework, and the service in a sandbox.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks would show local variables, and so secrets
)


@app.callback()
def main() -> None:
    """Mixin Messenger bots: the framework, and the service in a sandbox."""


@app.command()
def sandbox(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one.")] = None,
    db: Annotated[
        str | None, typer.Option(help="Database file; without it all is gone at the end.")
    ] = None,
    sync: Annotated[
        str | None, typer.Option(help="normal: survives a kill; full: also a loss of power.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="What the control API asks for beyond loopback.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further host name to be addressed by; repeatable.")
    ] = None,
) -> None:
    """Run the message service in this process, for bots to be written and tried against."""
    from blazebot.sandbox.server import serve  # noqa: PLC0415
    from blazebot.sandbox.settings import load_sandbox_settings  # noqa: PLC0415

    def settings() -> Coroutine[Any, Any, int | None]:
        return serve(
            load_sandbox_settings(
                {
                    "host": host,
                    "port": port,
                    "db": db,
                    "sync": sync,
                    "token": token,
                    "allow_hosts": allow_host or None,
                }
            )
        )

    _run(settings)


@app.command()
def demo(
    *,
    check: Annotated[
        bool, typer.Option(help="Prove the delivery promise under kills, without a person.")
    ] = False,
    json: Annotated[
        bool, typer.Option(help="With --check: the report as one JSON object.")
    ] = False,
    keys: Annotated[
        str, typer.Option(help="The bot's kind of keystore: app, ed25519, network-user or rsa.")
    ] = "app",
) -> None:
    """Start a sandbox and an echo bot, and talk to the bot."""
    from blazebot.demo.chat import chat  # noqa: PLC0415
    from blazebot.demo.check import check as run_check  # noqa: PLC0415

    if json and not check:
        raise typer.BadParameter("--json goes with --check")
    if check:
        _run(lambda: run_check(keys=keys, as_json=json))
    else:
        _run(lambda: chat(keys=keys))


def _run(main: Callable[[], Coroutine[Any, Any, int | None]]) -> None:
    try:
        status = asyncio.run(main())
    except BlazebotError as error:
        print(f"blazebot: {error}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(status or 0)
