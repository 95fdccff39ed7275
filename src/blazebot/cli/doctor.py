"""``blazebot doctor``: what is in the way between a bot and the service, each with what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson, Keystore

if TYPE_CHECKING:
    from blazebot.cli.checks import Check


def doctor(
    *,
    handshake: Annotated[
        bool, typer.Option("--handshake", help="Also open the bot's line, and close it again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take the line without asking.")] = False,
    keystore: Keystore = None,
    as_json: AsJson = False,
) -> None:
    """Find what is wrong between the bot and the service: keystore, names, TLS, clock, session.

    The exit code is 1 if something is. REST only, so a running bot keeps its line, but for
    --handshake.
    """
    if handshake:
        from blazebot.cli.line import confirm_taking  # noqa: PLC0415

        confirm_taking(yes=yes)

    async def look() -> int:
        from blazebot.cli.checks import checks  # noqa: PLC0415

        seen: list[Check] = []
        async for check in checks(keystore, handshake=handshake):
            seen.append(check)
            if not as_json:
                _print(check)
        healthy = all(check.result != "failed" for check in seen)
        if as_json:
            print(json.dumps({"ok": healthy, "checks": msgspec.to_builtins(seen)}))  # noqa: T201
        return 0 if healthy else 1

    run(look)


def _print(check: Check) -> None:
    mark = {"ok": "ok     ", "failed": "FAILED ", "skipped": "skipped"}[check.result]
    print(f"{mark} {check.name}: {check.detail}")  # noqa: T201
    if check.advice:
        print(f"        {check.advice}")  # noqa: T201
