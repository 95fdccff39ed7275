"""``blazebot sandbox fault``: what goes wrong in a running sandbox."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Final

import typer

from blazebot.cli.command import run
from blazebot.cli.options import DEFAULT_SANDBOX, AsJson, BotId, Server, Token, control_of

fault = typer.Typer(help="Let things go wrong in a running sandbox.", no_args_is_help=True)

# Spelt out, as importing those of the sandbox takes longer than everything else here.
KINDS: Final = (
    *("drop", "abort", "freeze", "refuse_handshake", "unauthorized", "clock_off", "slow", "stall"),
    *("lost_answer", "lost_acknowledgement", "duplicate", "reorder", "truncate", "corrupt"),
    *("unknown_action", "unknown_category", "error", "bad_gateway", "restart"),
)


def _kinds(incomplete: str) -> list[str]:
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def _finite(number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"should be a number, not {number}")
    return number


@fault.command()
def add(
    kind: Annotated[
        str,
        typer.Argument(help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}.", autocompletion=_kinds),
    ],
    *,
    bot: BotId = None,
    times: Annotated[
        int, typer.Option(min=0, help="How often it strikes; 0: until it is cleared.")
    ] = 1,
    probability: Annotated[
        float,
        typer.Option(
            min=0, max=1, callback=_finite, help="How likely it strikes, each time that it could."
        ),
    ] = 1.0,
    only: Annotated[
        str, typer.Option(help="Only this action, call or category: 'POST /messages', 'ACK*'.")
    ] = "",
    seconds: Annotated[
        float | None,
        typer.Option(
            callback=_finite, help="For slow: how late; clock_off: how far; restart: how long."
        ),
    ] = None,
    code: Annotated[
        int, typer.Option(help="For error: the number that is answered, 403, 429, 500 ...")
    ] = 500,
    server: Server = DEFAULT_SANDBOX,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Switch a fault on; docs/faults.md says what each does."""
    if kind not in KINDS:
        raise typer.BadParameter(f"there is no fault {kind!r}; there are {', '.join(KINDS)}")
    fields: dict[str, Any] = {
        "bot_id": str(bot or ""),
        "times": times or None,
        "probability": probability,
        "only": only,
        "seconds": seconds,
        "code": code,
    }

    async def main() -> None:
        async with control_of(server, token) as control:
            added = await control.add_fault(kind, **fields)
            print(json.dumps({"fault_id": added}) if as_json else f"fault {added}")  # noqa: T201

    run(main)


@fault.command("list")
def list_faults(
    *, server: Server = DEFAULT_SANDBOX, token: Token = None, as_json: AsJson = False
) -> None:
    """List the faults, and how often each has struck."""

    async def main() -> None:
        async with control_of(server, token) as control:
            faults = await control.faults()
        if as_json:
            print(json.dumps({"faults": faults}))  # noqa: T201
        for one in () if as_json else faults:
            print(_words(one))  # noqa: T201

    run(main)


@fault.command()
def clear(
    fault_id: Annotated[
        int | None, typer.Argument(metavar="ID", help="Its id, as `list` shows it; by default all.")
    ] = None,
    *,
    server: Server = DEFAULT_SANDBOX,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Switch one fault off, or all; what they hold back goes on."""

    async def main() -> None:
        async with control_of(server, token) as control:
            await control.clear_faults(fault_id)
        if as_json:
            print(json.dumps({"cleared": "all" if fault_id is None else fault_id}))  # noqa: T201

    run(main)


def _words(fault: dict[str, Any]) -> str:
    left = "until cleared" if fault["left"] is None else f"{fault['left']} left"
    chance = "" if fault["probability"] == 1 else f", probability {fault['probability']:g}"
    where = f", only {fault['only']}" if fault["only"] else ""
    whom = f", bot {fault['bot_id']}" if fault["bot_id"] else ""
    what = f"{fault['fault_id']}: {fault['kind']}, struck {fault['struck']}"
    return f"{what}, {left}{chance}{where}{whom}"
