"""``blazebot sandbox log``: what goes over the wire of a running sandbox."""

from __future__ import annotations

import contextlib
import json
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from blazebot.cli.command import run
from blazebot.cli.options import DEFAULT_SANDBOX, BotId, Server, Token, control_of
from blazebot.errors import ContentError
from blazebot.wire.base64 import decode_base64

if TYPE_CHECKING:
    from rich.text import Text

PLAIN_TEXT: Final = "PLAIN_TEXT"

_SHORT: Final = 160
"""Characters of JSON that are shown of an entry."""


def log(
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes.")] = False,
    bot: BotId = "",
    last: Annotated[int, typer.Option(help="Show only the newest; 0: all that is kept.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON lines, whole, to be kept.")
    ] = False,
    full: Annotated[bool, typer.Option(help="Show the JSON of each entry whole.")] = False,
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

    async def main() -> None:
        async with control_of(server, token) as control:
            after = 0
            kept: deque[dict[str, Any]] = deque(maxlen=last or None)
            if last or not follow:
                async for entry in control.log(bot_id=bot):
                    after = entry["number"]
                    if last:
                        kept.append(entry)
                    else:
                        show(entry)
            for entry in kept:
                show(entry)
            if follow:
                async for entry in control.log(after=after, bot_id=bot, follow=True):
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
        words.append(_short(entry["answer"], full), style="dim")
    else:
        received = entry["direction"] == "received"
        words.append("-> " if received else "<- ", style="green" if received else "blue")
        _append_frame(words, entry, full)
    if "fault" in entry:
        words.append(f"  fault: {entry['fault']}", style="bold red")
    return words


def _append_frame(words: Text, entry: dict[str, Any], full: bool) -> None:
    if "frame" not in entry:
        words.append(f"unreadable: {entry['unreadable']} ({entry['size']} B)", style="red")
        return
    frame = entry["frame"]
    if not isinstance(frame, dict):
        words.append(_short(frame, full))
        return
    words.append(f"{frame.get('action', '?')} ", style="bold")
    words.append(f"{entry['size']}/{entry['inflated']} B ", style="bright_black")
    rest = {name: value for name, value in frame.items() if name not in ("id", "action")}
    if rest:
        style = "red" if "error" in rest else "dim"
        words.append(_short(rest, full) if full else _gist(rest), style=style)


def _gist(rest: dict[str, Any]) -> str:
    """Return what a person wants to see of a frame: a message's text, an error's words."""
    body = rest.get("error") or rest.get("params") or rest.get("data")
    if not isinstance(body, dict):
        return _short(rest, full=False)
    if "error" in rest:
        return f"{body.get('code')} {body.get('description')} {_short(body.get('extra'), False)}"
    if body.get("category") == PLAIN_TEXT:
        text = body.get("data_base64") or body.get("data") or ""
        with contextlib.suppress(ContentError, UnicodeDecodeError):
            return f"{PLAIN_TEXT} {_short(decode_base64(str(text)).decode(), False)}"
    return _short(body, full=False)


def _short(value: Any, full: bool) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return text if full or len(text) <= _SHORT else text[:_SHORT] + " ..."
