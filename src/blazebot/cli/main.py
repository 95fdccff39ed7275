"""The command ``blazebot``. What a command needs is imported when it runs: start-up counts."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from blazebot.errors import BlazebotError

DEFAULT_SANDBOX = "http://127.0.0.1:7777"

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

    arguments = {
        "host": host,
        "port": port,
        "db": db,
        "sync": sync,
        "token": token,
        "allow_hosts": allow_host or None,
    }
    _run(lambda: serve(load_sandbox_settings(arguments)))


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


@app.command()
def bot(
    name: Annotated[str, typer.Argument(help="The bot's name.")],
    keystore: Annotated[Path, typer.Argument(help="Where to write its keystore.")],
    *,
    server: Annotated[str, typer.Option(help="The sandbox's address.")] = DEFAULT_SANDBOX,
    token: Annotated[str | None, typer.Option(help="The sandbox's token, beyond loopback.")] = None,
    keys: Annotated[
        str, typer.Option(help="Kind of keystore: app, ed25519, network-user or rsa.")
    ] = "app",
) -> None:
    """Create a bot in a running sandbox and write its keystore."""
    from blazebot.demo.talk import create_bot  # noqa: PLC0415

    _run(lambda: create_bot(server, token, name=name, path=keystore, keys=keys))


@app.command()
def talk(
    bot_id: Annotated[str, typer.Argument(help="The bot's id, as `blazebot bot` printed it.")],
    *,
    server: Annotated[str, typer.Option(help="The sandbox's address.")] = DEFAULT_SANDBOX,
    token: Annotated[str | None, typer.Option(help="The sandbox's token, beyond loopback.")] = None,
) -> None:
    """Talk to a bot in a running sandbox, as a person who adds it as a friend."""
    from blazebot.demo.talk import talk_to  # noqa: PLC0415

    _run(lambda: talk_to(server, token, bot_id))


@app.command()
def send(
    to: Annotated[str, typer.Argument(help="A user's id, or with --conversation one of those.")],
    text: Annotated[str | None, typer.Argument(help="The text to send.")] = None,
    *,
    file: Annotated[Path | None, typer.Option(help="A file to send instead of text.")] = None,
    kind: Annotated[
        str, typer.Option("--as", help="What the file is: file, image, video or audio.")
    ] = "file",
    conversation: Annotated[bool, typer.Option(help="TO is a conversation's id.")] = False,
) -> None:
    """Send a text or a file as the bot, by REST; a bot that runs keeps its line."""
    from blazebot.cli.files import content_of  # noqa: PLC0415
    from blazebot.cli.files import send as send_by_rest  # noqa: PLC0415

    async def main() -> None:
        what = content_of(text, file, kind)
        print(await send_by_rest(to, what, is_conversation=conversation))  # noqa: T201

    _run(main)


@app.command()
def download(
    attachment_id: Annotated[str, typer.Argument(help="The attachment's id.")],
    path: Annotated[Path, typer.Argument(help="Where to store it.")],
) -> None:
    """Download an attachment; one that broke off goes on where it was."""
    from blazebot.cli.files import download as download_by_rest  # noqa: PLC0415

    async def main() -> None:
        size = await download_by_rest(attachment_id, path)
        print(f"{path}: {size} bytes")  # noqa: T201

    _run(main)


def _run(main: Callable[[], Coroutine[Any, Any, int | None]]) -> None:
    try:
        status = asyncio.run(_until_signal(main))
    except BlazebotError as error:
        print(f"blazebot: {error}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None
    raise typer.Exit(status or 0)


async def _until_signal(main: Callable[[], Coroutine[Any, Any, int | None]]) -> int | None:
    # A command that is ended leaves nothing behind: processes, temporary files.
    task = asyncio.ensure_future(main())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task
