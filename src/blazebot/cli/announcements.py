"""``blazebot announcements``: those there are, how far they are, and what can be done with them."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from blazebot.cli.announcing import NoWait, document, follow, opened, summary
from blazebot.cli.command import run
from blazebot.cli.options import AsJson, Keystore
from blazebot.errors import AnnouncementError

if TYPE_CHECKING:
    from blazebot.announce.announcement import Announcement

announcements = typer.Typer(
    help="List announcements, look at them, pause, resume, cancel, retry, recall, export.",
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.")]


@announcements.command("list")
def list_all(*, keystore: Keystore = None, as_json: AsJson = False) -> None:
    """List them, oldest first."""

    async def main() -> None:
        async with opened(keystore) as (kept, _):
            found = await kept.all()
        if as_json:
            import msgspec  # noqa: PLC0415

            print(json.dumps({"announcements": msgspec.to_builtins(found)}))  # noqa: T201
            return
        for one in found:
            print(summary(one))  # noqa: T201
        if not found:
            print("there are no announcements")  # noqa: T201

    run(main)


@announcements.command()
def show(announcement_id: Id, *, keystore: Keystore = None, as_json: AsJson = False) -> None:
    """Show how far one is, and which lines of its file were bad."""

    async def main() -> None:
        async with opened(keystore) as (kept, _):
            status = await (await kept.get(announcement_id)).status()
            count, bad = await kept.bad_lines(announcement_id)
        if as_json:
            lines = [one._asdict() for one in bad]
            print(json.dumps(json.loads(document(status)) | {"bad": count, "bad_lines": lines}))  # noqa: T201
            return
        print(summary(status))  # noqa: T201
        print(f"made {_time(status.created_at)}, due {_time(status.due)}")  # noqa: T201
        for one in bad:
            print(f"line {one.line} {one.reason}")  # noqa: T201
        if count > len(bad):
            print(f"{count - len(bad):,} more bad lines")  # noqa: T201

    run(main)


@announcements.command()
def pause(announcement_id: Id, *, keystore: Keystore = None, as_json: AsJson = False) -> None:
    """Send no more for now."""
    _change(announcement_id, keystore, lambda one: one.pause(), as_json=as_json)


@announcements.command()
def cancel(announcement_id: Id, *, keystore: Keystore = None, as_json: AsJson = False) -> None:
    """Send no more for good; what was sent stays."""
    _change(announcement_id, keystore, lambda one: one.cancel(), as_json=as_json)


@announcements.command()
def resume(
    announcement_id: Id,
    *,
    keystore: Keystore = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Go on with one that was paused, or that waits after who was to get it first."""
    _go(announcement_id, keystore, lambda one: one.resume(), no_wait=no_wait, as_json=as_json)


@announcements.command()
def retry(
    announcement_id: Id,
    *,
    keystore: Keystore = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Send again to those who could not be sent to."""
    _go(announcement_id, keystore, lambda one: one.retry(), no_wait=no_wait, as_json=as_json)


@announcements.command()
def recall(
    announcement_id: Id,
    *,
    keystore: Keystore = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Send no more, and take back what was sent from everybody."""
    _go(announcement_id, keystore, lambda one: one.recall(), no_wait=no_wait, as_json=as_json)


@announcements.command()
def export(
    announcement_id: Id,
    path: Annotated[
        Path | None, typer.Argument(help="A .csv or .jsonl file; else CSV is printed.")
    ] = None,
    *,
    keystore: Keystore = None,
    as_json: AsJson = False,
) -> None:
    """Write what became of each message: who got it, who read it, who not and why."""

    async def main() -> None:
        async with opened(keystore) as (kept, _):
            announcement = await kept.get(announcement_id)
            as_lines = as_json or (
                path is not None and path.suffix.lower() in (".jsonl", ".ndjson")
            )
            if path is None:
                await _write(announcement, sys.stdout, as_lines=as_lines)
                return
            try:
                with path.open("w", newline="") as file:
                    await _write(announcement, file, as_lines=as_lines)
            except OSError as error:
                raise AnnouncementError(f"{path} cannot be written: {error.strerror}") from None

    run(main)


async def _write(announcement: Announcement, file: IO[str], *, as_lines: bool) -> None:
    import msgspec  # noqa: PLC0415

    from blazebot.announce.stored import Recipient  # noqa: PLC0415

    rows = csv.writer(file)
    if not as_lines:
        rows.writerow(Recipient.__struct_fields__)
    async for one in announcement.recipients():
        if as_lines:
            file.write(json.dumps(msgspec.to_builtins(one)) + "\n")
        else:
            rows.writerow(msgspec.structs.astuple(one))


def _change(
    announcement_id: str,
    keystore: str | None,
    do: Callable[[Announcement], Awaitable[Any]],
    *,
    as_json: bool,
) -> None:
    async def main() -> None:
        async with opened(keystore) as (kept, _):
            announcement = await kept.get(announcement_id)
            await do(announcement)
            status = await announcement.status()
        print(document(status) if as_json else summary(status))  # noqa: T201

    run(main)


def _go(
    announcement_id: str,
    keystore: str | None,
    do: Callable[[Announcement], Awaitable[Any]],
    *,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Do something that has messages sent, and see to it that they are."""
    if no_wait:
        _change(announcement_id, keystore, do, as_json=as_json)
        return

    async def main() -> int:
        async with opened(keystore) as (kept, rest):
            announcement = await kept.get(announcement_id)
            await do(announcement)
            return await follow(kept, rest, announcement, as_json=as_json)

    run(main)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
