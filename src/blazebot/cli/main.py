"""The command ``blazebot``. What a command needs is imported when it runs: start-up counts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blazebot.cli.announce import announce
from blazebot.cli.announcements import announcements
from blazebot.cli.calls import call, token
from blazebot.cli.captured import decode
from blazebot.cli.command import run
from blazebot.cli.conformance import conformance
from blazebot.cli.dead_letters import dead_letters
from blazebot.cli.doctor import doctor
from blazebot.cli.engine import engine
from blazebot.cli.forget import forget
from blazebot.cli.keystores import keystores
from blazebot.cli.listen import listen
from blazebot.cli.new import new
from blazebot.cli.options import DEFAULT_SANDBOX
from blazebot.cli.roles import gateway, worker
from blazebot.cli.run import run as run_bots
from blazebot.cli.sandbox import sandbox
from blazebot.cli.send import send

app = typer.Typer(
    help="Mixin Messenger bots: the framework, and the service in a sandbox.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks would show local variables, and so secrets
)
app.add_typer(sandbox, name="sandbox")
app.add_typer(announcements, name="announcements")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(engine, name="engine")
app.add_typer(keystores, name="keystore")
app.command()(announce)
app.command()(call)
app.command()(conformance)
app.command()(decode)
app.command()(doctor)
app.command()(gateway)
app.command()(forget)
app.command()(listen)
app.command()(send)
app.command()(token)
app.command()(new)
app.command("run")(run_bots)
app.command()(worker)


@app.callback()
def main() -> None:
    """Mixin Messenger bots: the framework, and the service in a sandbox."""


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
        run(lambda: run_check(keys=keys, as_json=json))
    else:
        run(lambda: chat(keys=keys))


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

    run(lambda: create_bot(server, token, name=name, path=keystore, keys=keys))


@app.command()
def talk(
    bot_id: Annotated[str, typer.Argument(help="The bot's id, as `blazebot bot` printed it.")],
    *,
    server: Annotated[str, typer.Option(help="The sandbox's address.")] = DEFAULT_SANDBOX,
    token: Annotated[str | None, typer.Option(help="The sandbox's token, beyond loopback.")] = None,
) -> None:
    """Talk to a bot in a running sandbox, as a person who adds it as a friend."""
    from blazebot.demo.talk import talk_to  # noqa: PLC0415

    run(lambda: talk_to(server, token, bot_id))


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

    run(main)
