"""``blazebot announce``: one message to many people, each exactly once."""

from __future__ import annotations

import json
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from blazebot.cli.announcing import NoWait, document, follow, in_people, opened, summary
from blazebot.cli.command import run
from blazebot.cli.contents import Kind, file_content, is_file, words_content
from blazebot.cli.options import AsJson, Keystore
from blazebot.cli.streams import read_input
from blazebot.errors import AnnouncementError

if TYPE_CHECKING:
    from blazebot.announce.announcement import Announcement
    from blazebot.announce.announcements import Announcements, Rehearsal
    from blazebot.announce.options import AnnounceOptions
    from blazebot.announce.sources import Recipients
    from blazebot.announce.templates import Template
    from blazebot.media import Upload
    from blazebot.wire.content import Content

_BAD_SHOWN: Final = 20


def _local(at: datetime | None) -> datetime | None:
    try:
        return None if at is None else at.astimezone()
    except (OverflowError, ValueError):
        raise typer.BadParameter(f"there is no local time for {at}") from None


def announce(
    message: Annotated[str, typer.Argument(help="A file with what to say; `-` is standard input.")],
    *,
    to: Annotated[
        Path | None, typer.Option(help="To those in a file of user ids: text, .csv or .jsonl.")
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="To all who ever wrote to the bot or befriended it.")
    ] = False,
    members: Annotated[
        str | None, typer.Option(help="To the members of a group, by its conversation's id.")
    ] = None,
    keystore: Keystore = None,
    announcement_id: Annotated[
        str | None,
        typer.Option(
            "--id",
            help="What to call it. Without, the same words are the same announcement, and go to "
            "nobody twice.",
        ),
    ] = None,
    kind: Annotated[
        Kind | None,
        typer.Option(
            "--as",
            help="What it is: text, post (Markdown), card, buttons, file, image, video or audio; "
            "by default a post if the file is .md, and a text if not.",
        ),
    ] = None,
    template: Annotated[
        bool, typer.Option("--template", help="Fill in each person's values: Hello {name}.")
    ] = False,
    encrypt: Annotated[
        bool, typer.Option("--encrypt", help="Encrypt it for those who can read that.")
    ] = False,
    at: Annotated[
        datetime | None,
        typer.Option(callback=_local, help="When to begin, in local time: 2026-12-24T18:00."),
    ] = None,
    first: Annotated[
        str | None, typer.Option(help="A user who gets it first; then you are asked to go on.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --first: do not ask.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Send nothing if a line of the file is bad.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whom it would go to; send nothing.")
    ] = False,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Send a message to many people, each exactly once; the same command goes on where it was.

    A bot that runs with the keystore keeps its line. Ctrl-C pauses. The exit code is 3 if some
    could not be sent to.
    """

    async def main() -> int:
        from blazebot.announce.options import check_options  # noqa: PLC0415
        from blazebot.announce.sources import EVERYONE, Members  # noqa: PLC0415

        targets: list[Recipients] = [
            *([to] if to else []),
            *([EVERYONE] if everyone else []),
            *([Members(members)] if members else []),
        ]
        if len(targets) != 1:
            raise typer.BadParameter("give one of --to FILE, --everyone and --members CONVERSATION")
        content = _template(_content(message, kind)) if template else _content(message, kind)
        options: AnnounceOptions = {
            "id": announcement_id,
            "encrypt": encrypt,
            "at": at,
            "first": first,
            "strict": strict,
        }
        check_options(options)
        async with opened(keystore) as (announcements, rest):
            if dry_run:
                rehearsal = await announcements.rehearse(content, targets[0])
                _tell_rehearsal(rehearsal, as_json=as_json)
                return 0
            announcement = await announcements.announce(content, targets[0], **options)
            await _tell_bad_lines(announcements, announcement)
            if no_wait:
                status = await announcement.status()
                print(document(status) if as_json else summary(status))  # noqa: T201
                return 0
            code = await follow(announcements, rest, announcement, as_json=as_json)
            if first is None or (await announcement.status()).state != "paused":
                return code
            if not (yes or _agreed()):
                print(  # noqa: T201
                    f"blazebot: it waits for `blazebot announcements resume {announcement.id}`",
                    file=sys.stderr,
                )
                return code
            await announcement.resume()
            return await follow(announcements, rest, announcement, as_json=as_json)

    run(main)


def _content(message: str, kind: Kind | None) -> Content | Upload[Any]:
    path = Path(message)
    kind = kind or ("post" if path.suffix.lower() == ".md" else "text")
    if is_file(kind):
        return file_content(path, kind)
    try:
        text = read_input() if message == "-" else path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AnnouncementError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AnnouncementError(f"{path} is not UTF-8: to send it as a file give --as") from None
    if not text.strip():
        raise AnnouncementError(f"{message}: there is nothing in it to announce")
    return words_content(text, kind)


def _template(content: Content | Upload[Any]) -> Template:
    from blazebot.announce.templates import Template  # noqa: PLC0415

    return Template(content)  # type: ignore[arg-type]  # it says itself what it takes


def _agreed() -> bool:
    """Ask whether to go on; who presses Ctrl-C does not want to."""
    if not sys.stdin.isatty():
        return False
    # The loop's own handler would have it wait for an answer first.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return typer.confirm("Send it to the others?", err=True)
    except typer.Abort:
        print(file=sys.stderr)  # noqa: T201
        return False
    finally:
        signal.signal(signal.SIGINT, before)


async def _tell_bad_lines(announcements: Announcements, announcement: Announcement) -> None:
    count, bad = await announcements.bad_lines(announcement.id)
    for one in bad[:_BAD_SHOWN]:
        print(f"blazebot: line {one.line} {one.reason}", file=sys.stderr)  # noqa: T201
    if count > _BAD_SHOWN:
        print(  # noqa: T201
            f"blazebot: {count - _BAD_SHOWN:,} more bad lines: `blazebot announcements show "
            f"{announcement.id}`",
            file=sys.stderr,
        )


def _tell_rehearsal(rehearsal: Rehearsal, *, as_json: bool) -> None:
    import msgspec  # noqa: PLC0415

    if as_json:
        lines = [one._asdict() for one in rehearsal.bad_lines]
        print(json.dumps(msgspec.to_builtins(rehearsal) | {"bad_lines": lines}))  # noqa: T201
        return
    for line, reason in rehearsal.bad_lines[:_BAD_SHOWN]:
        print(f"line {line} {reason}")  # noqa: T201
    print(  # noqa: T201
        f"it would go to {in_people(rehearsal.people)}; {rehearsal.stopped:,} want no "
        f"announcements; {rehearsal.bad:,} bad lines"
    )
    if rehearsal.example:
        print(f"\n{rehearsal.example}")  # noqa: T201
