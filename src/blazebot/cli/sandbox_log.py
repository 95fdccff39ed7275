"""``blazebot sandbox log``: what goes over the wire of a running sandbox."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blazebot.cli.command import run
from blazebot.cli.options import DEFAULT_SANDBOX, BotId, Server, Token, control_of

if TYPE_CHECKING:
    from rich.text import Text


def log(
    *,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    bot: BotId = None,
    last: Annotated[
        int, typer.Option(min=0, help="How many of the newest to show; 0: all that are kept.")
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each entry whole, as a line of JSON.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Show the JSON of frames and answers uncut.")
    ] = False,
    server: Server = DEFAULT_SANDBOX,
    token: Token = None,
) -> None:
    """Show each frame and each call, both ways, with times, sizes and the fault that struck it."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)

    def show(entry: dict[str, Any]) -> None:
        if as_json:
            print(json.dumps(entry, ensure_ascii=False), flush=True)  # noqa: T201
        else:
            console.print(line_of(entry, full=full))

    bot_id = str(bot or "")

    async def main() -> None:
        async with control_of(server, token) as control:
            after = 0
            kept: deque[dict[str, Any]] = deque(maxlen=last or None)
            if last or not follow:
                async for entry in control.log(bot_id=bot_id):
                    after = entry["number"]
                    if last:
                        kept.append(entry)
                    else:
                        show(entry)
            for entry in kept:
                show(entry)
            if follow:
                async for entry in control.log(after=after, bot_id=bot_id, follow=True):
                    show(entry)

    run(main)


def line_of(entry: dict[str, Any], *, full: bool = False) -> Text:
    """Return an entry as a line for the terminal."""
    from rich.text import Text  # noqa: PLC0415

    words = Text(f"{entry['at'][11:23]} ", style="bright_black")
    words.append(f"{entry['bot_id'][:8] or '-':8} ", style="cyan")
    if entry["kind"] == "line":
        how = f": {entry['words']}" if entry["words"] else ""
        words.append(f"line {entry['line']} {entry['event']}{how}", style="bold")
    elif entry["kind"] == "call":
        words.append(f"{entry['method']} {entry['path']} ", style="magenta")
        words.append(f"{entry['status'] or 'no answer'} {entry['seconds'] * 1000:.1f} ms ")
        words.append(f"{entry['request_size']} B, {entry['answer_size']} B ", style="bright_black")
        words.append(_json(entry["answer"], full), style="dim")
    else:
        received = entry["direction"] == "received"
        words.append("-> " if received else "<- ", style="green" if received else "blue")
        _append_frame(words, entry, full)
    if "fault" in entry:
        words.append(f"  fault: {entry['fault']}", style="bold red")
    return words


def _append_frame(words: Text, entry: dict[str, Any], full: bool) -> None:
    from blazebot.testing.transcript import gist  # noqa: PLC0415

    if "frame" not in entry:
        words.append(f"unreadable: {entry['unreadable']} ({entry['size']} B)", style="red")
        return
    frame = entry["frame"]
    if not isinstance(frame, dict):
        words.append(_json(frame, full))
        return
    words.append(f"{frame.get('action', '?')} ", style="bold")
    words.append(f"{entry['size']}/{entry['inflated']} B ", style="bright_black")
    rest = {name: value for name, value in frame.items() if name not in ("id", "action")}
    if rest:
        style = "red" if "error" in rest else "dim"
        words.append(_json(rest, full) if full else gist(frame), style=style)


def _json(value: object, full: bool) -> str:
    from blazebot.testing.transcript import short_json  # noqa: PLC0415

    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if full else short_json(value)
