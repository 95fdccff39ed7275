"""What the commands about announcements share: reaching them, and showing how far they are."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from blazebot.announce.announcement import Announcement, Progress
    from blazebot.announce.announcements import Announcements
    from blazebot.client.rest import RestClient

SOME_FAILED: Final = 3
"""The exit code where all is over and some have not got it."""

NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Leave the sending to a bot that runs, now or later.")
]

_RECEIPTS_EVERY: Final = 1.0


@asynccontextmanager
async def opened(keystore: str | None) -> AsyncIterator[tuple[Announcements, RestClient]]:
    """Yield the announcements of a bot, to be sent by REST and within the quota of all processes.

    Raises:
        KeystoreError: there is no keystore, or it cannot be used.
        SettingsError: a setting is wrong, or the data directory cannot be used.
    """
    from blazebot.announce.announcements import Announcements  # noqa: PLC0415
    from blazebot.announce.channel import Channel  # noqa: PLC0415
    from blazebot.bot.parts import make_rest  # noqa: PLC0415
    from blazebot.bot.settings import load_bot_settings  # noqa: PLC0415
    from blazebot.client.attachments import AttachmentClient  # noqa: PLC0415
    from blazebot.client.http import open_http  # noqa: PLC0415
    from blazebot.client.proxies import Proxies  # noqa: PLC0415
    from blazebot.delivery.attempts import Attempts  # noqa: PLC0415
    from blazebot.delivery.batches import BatchSender  # noqa: PLC0415
    from blazebot.delivery.conversations import Conversations  # noqa: PLC0415
    from blazebot.delivery.encrypted import EncryptedSender  # noqa: PLC0415
    from blazebot.delivery.limiter import QuotaLimiter  # noqa: PLC0415
    from blazebot.delivery.session_lock import open_data_directory  # noqa: PLC0415
    from blazebot.keys import keystore as keystores  # noqa: PLC0415
    from blazebot.keys.encryption import MessageCipher  # noqa: PLC0415

    settings = load_bot_settings({"keystore": keystore})
    keys = keystores.Keystore.load(settings.keystore)
    directory = open_data_directory(settings.data_root, keys.app_id)
    quota = QuotaLimiter(directory / "quota", settings.quota)
    async with open_http(Proxies(settings.proxy)) as http:
        rest = make_rest(settings, keys, http, quota)
        attempts = Attempts(settings.send_timeout)
        conversations = Conversations(directory / "conversations.db", rest.create_contact)
        cipher = MessageCipher(keys.session_id, keys.private_key)
        announcements = Announcements(
            keys.app_id,
            directory,
            Channel(
                BatchSender(attempts, quota, rest),
                EncryptedSender(cipher, attempts, rest),
                conversations,
            ),
            members=rest.members,
            attachments=AttachmentClient(rest, http),
            batch_limit=quota.largest,
        )
        try:
            yield announcements, rest
        finally:
            await announcements.close()
            conversations.close()
            quota.close()


async def follow(
    announcements: Announcements,
    rest: RestClient,
    announcement: Announcement,
    *,
    as_json: bool,
) -> int:
    """Send, unless a bot that runs does, and show how far it is until it is over.

    When this is cancelled, as by Ctrl-C, the announcement is paused. Returns the exit code.
    """
    announcements.start()
    receipts = asyncio.create_task(_fetch_receipts(announcements, rest))
    showing = asyncio.create_task(_show(announcement, as_json=as_json))
    try:
        await asyncio.wait((showing, announcements.running), return_when=asyncio.FIRST_COMPLETED)
        if not showing.done():
            await announcements.running  # it raises why nothing can be sent
        last = await showing
    except asyncio.CancelledError:
        showing.cancel()
        if (await announcement.status()).state == "sending":
            await announcement.pause()
            print(  # noqa: T201
                f"blazebot: announcement {announcement.id} is paused; the same command goes on",
                file=sys.stderr,
            )
        raise
    finally:
        receipts.cancel()
        showing.cancel()
    if not as_json:
        print(summary(last))  # noqa: T201
    return SOME_FAILED if last.failed else 0


def document(progress: Progress) -> str:
    """Return how far an announcement is, as JSON."""
    import msgspec  # noqa: PLC0415

    return json.dumps(msgspec.to_builtins(progress))


def summary(progress: Progress) -> str:
    """Return how far an announcement is, in a line."""
    counts = {
        "sent": progress.sent,
        "delivered": progress.delivered,
        "read": progress.read,
        "failed": progress.failed,
        "skipped": progress.skipped,
        "recalled": progress.recalled,
        "waiting": progress.waiting,
    }
    words = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return f"{progress.id}  {progress.state:9} {in_people(progress.total)}: {words or 'none'}"


def in_people(count: int) -> str:
    """Return how many people, in words."""
    return "1 person" if count == 1 else f"{count:,} people"


async def _show(announcement: Announcement, *, as_json: bool) -> Progress:
    if as_json:
        async for progress in announcement.progress():
            print(document(progress), flush=True)  # noqa: T201
        return progress
    with _bar() as bar:
        task = bar.add_task(announcement.id, total=None, said="")
        async for progress in announcement.progress():
            done = progress.recalled if progress.state == "recalling" else _done(progress)
            bar.update(task, completed=done, total=progress.total, said=_said(progress))
    return progress


def _bar() -> Bar:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    console = Console(stderr=True)
    return Bar(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        disable=not console.is_terminal,
    )


def _done(progress: Progress) -> int:
    return progress.total - progress.waiting


def _said(progress: Progress) -> str:
    counts = (
        f"{progress.sent:,} sent, {progress.delivered:,} delivered, {progress.read:,} read, "
        f"{progress.failed:,} failed"
    )
    if progress.state == "sending" and (wait := progress.due - time.time()) > 0:
        return f"{counts}, begins in {_duration(wait)}"
    left = "" if progress.seconds_left is None else f", {_duration(progress.seconds_left)} left"
    return f"{counts}, {progress.rate:,.0f}/s{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


async def _fetch_receipts(announcements: Announcements, rest: RestClient) -> None:
    """Ask for receipts, which a bot that runs would hear of by itself [C]."""
    from blazebot.errors import BlazebotError  # noqa: PLC0415

    since = time.time_ns()
    while True:
        await asyncio.sleep(_RECEIPTS_EVERY)
        try:
            views = await rest.message_statuses(since)
        except BlazebotError:  # they are news, and asked for again
            continue
        for view in views:
            announcements.hearing.on_receipt(view)
        if views:
            since = max(since, *(_nanoseconds(view.updated_at or "") for view in views))


def _nanoseconds(text: str) -> int:
    from datetime import datetime  # noqa: PLC0415

    try:
        return int(datetime.fromisoformat(text).timestamp() * 1e6) * 1000
    except ValueError:
        return 0
