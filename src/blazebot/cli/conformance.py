"""``blazebot conformance``: does a service keep the rules of the protocol?"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson, address

if TYPE_CHECKING:
    from blazebot.conformance.check import Check

SANDBOX: Final = "sandbox"
"""The target that is a sandbox of our own."""


def _target(target: str) -> str:
    return target if target == SANDBOX else address(target)


def conformance(
    *,
    target: Annotated[
        str,
        typer.Option(
            callback=_target,
            help="`sandbox` starts one; or the service's address: https://api.mixin.one.",
        ),
    ] = SANDBOX,
    keystore: Annotated[
        str | None, typer.Option(help="The bot's keystore there; by default BLAZEBOT_KEYSTORE.")
    ] = None,
    peer_keystore: Annotated[
        str | None, typer.Option(help="A second bot's keystore, for checks that need two.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="The id of a user to write to; by default the second bot.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only these checks, by a name or a pattern such as token-*; repeatable."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the line without asking.")] = False,
    as_json: AsJson = False,
    show_list: Annotated[bool, typer.Option("--list", help="Only list the checks.")] = False,
) -> None:
    """Try the rules of the protocol against a sandbox, or against the service itself.

    Of a service it takes the session's line, so that a bot that runs there is disconnected: it asks
    before. It sends at most 9 messages, creates at most 7 groups, which it leaves, and acknowledges
    nobody else's messages. What needs a person on the other side is skipped there.
    """
    from blazebot.conformance.report import document, report, table  # noqa: PLC0415
    from blazebot.conformance.targets import own_sandbox, service_at  # noqa: PLC0415

    checks = _selected(only or [])

    async def try_sandbox() -> int:
        async with own_sandbox() as own:
            return await report(own, checks, as_json=as_json)

    async def try_service() -> int:
        service = service_at(target, keystore, peer_keystore=peer_keystore, recipient_id=to)
        async with service as reached:
            return await report(reached, checks, as_json=as_json)

    if show_list:
        print(json.dumps(document(checks)) if as_json else table(checks))  # noqa: T201
    elif target != SANDBOX:
        if not yes:
            _ask(target, checks)
        run(try_service)
    elif keystore or peer_keystore or to:
        raise typer.BadParameter("a keystore and --to go with an address as --target")
    else:
        run(try_sandbox)


def _selected(patterns: list[str]) -> list[Check]:
    from blazebot.conformance.check import select  # noqa: PLC0415
    from blazebot.conformance.rules import CHECKS  # noqa: PLC0415
    from blazebot.errors import SettingsError  # noqa: PLC0415

    try:
        return select(CHECKS, patterns)
    except SettingsError as error:
        raise typer.BadParameter(f"--only: {error}") from None


def _ask(target: str, checks: list[Check]) -> None:
    """Ask whether the line may be taken, if any check takes it."""
    from blazebot.conformance.check import Need  # noqa: PLC0415

    if not any(Need.LINE in check.needs for check in checks):
        return
    words = f"This takes the bot's line at {target}: if the bot runs, it is disconnected."
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{words} Pass --yes to agree, or by --only what takes no line.")
    typer.confirm(f"{words} Go on?", abort=True, err=True)
