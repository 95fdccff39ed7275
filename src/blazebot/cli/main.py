"""The command ``blazebot``. What a command needs is imported when it runs: start-up counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from blazebot.cli.announce import announce
from blazebot.cli.announcements import announcements
from blazebot.cli.calls import call, token
from blazebot.cli.captured import decode
from blazebot.cli.conformance import conformance
from blazebot.cli.dead_letters import dead_letters
from blazebot.cli.demo import bot, demo, talk
from blazebot.cli.doctor import doctor
from blazebot.cli.download import download
from blazebot.cli.engine import engine
from blazebot.cli.forget import forget
from blazebot.cli.keystores import keystores
from blazebot.cli.listen import listen
from blazebot.cli.mcp import mcp
from blazebot.cli.new import new
from blazebot.cli.roles import gateway, worker
from blazebot.cli.run import run
from blazebot.cli.sandbox import sandbox
from blazebot.cli.send import send
from blazebot.cli.streams import output

PANELS: Final[Mapping[str, Mapping[str, Callable[..., Any] | typer.Typer]]] = {
    "Start": {"demo": demo, "sandbox": sandbox, "bot": bot, "talk": talk, "new": new},
    "Run a bot": {"run": run, "gateway": gateway, "worker": worker, "engine": engine, "mcp": mcp},
    "Send": {
        "send": send,
        "announce": announce,
        "announcements": announcements,
        "download": download,
    },
    "Look after a bot": {
        "doctor": doctor,
        "keystore": keystores,
        "dead-letters": dead_letters,
        "forget": forget,
    },
    "Look at the wire": {
        "listen": listen,
        "call": call,
        "token": token,
        "decode": decode,
        "conformance": conformance,
    },
}
"""All commands, as the help shows them."""


class _Commands(TyperGroup):
    """Shows the commands in the order of the panels, and tells when they cannot write."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for commands in PANELS.values() for name in commands]

    def main(self, *arguments: Any, **options: Any) -> Any:
        with output():
            return super().main(*arguments, **options)


app = typer.Typer(
    cls=_Commands,
    help="Mixin Messenger bots: the framework, and the service in a sandbox.",
    epilog="New here? `blazebot demo` needs no account and no network.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # its tracebacks would show local variables, and so secrets
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"blazebot {version('blazebot')}")  # noqa: T201
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take the options of the whole, which end it by themselves."""


for _panel, _commands in PANELS.items():
    for _name, _command in _commands.items():
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, name=_name, rich_help_panel=_panel)
        else:
            app.command(_name, rich_help_panel=_panel)(_command)
