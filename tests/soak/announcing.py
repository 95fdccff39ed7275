"""An announcement while its sender and the sandbox are killed, and what became of it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp

from blazebot.testing.control import Control, People
from blazebot.testing.processes import Process, SandboxProcess

FAULTS: Final = (
    "lost_answer probability=0.1 times=forever only='POST /messages'",
    "slow seconds=0.3 probability=0.5 times=forever only='POST /messages'",
    "error code=500 probability=0.05 times=forever only='POST /messages'",
    "error code=429 times=1 only='POST /messages'",
    "duplicate times=forever",
)
BLOCKED: Final = 3  # in each 1,000 people
_PATIENCE: Final = 20.0
_RECORDED: Final = "SELECT sum(sent + delivered + read) FROM announcements"
STRANGERS: Final = 2  # in each 1,000 people: the bot has no conversation with them


@dataclass(frozen=True)
class Run:
    """How an announcement is tried."""

    people: int
    quota: int
    """Messages a minute, which the limiter keeps to."""
    window: float
    """Seconds that the sandbox looks back, for its part of the quota."""
    sender_kills: int = 5
    sandbox_kills: int = 2
    without: str = ""
    within: float = 120.0


@dataclass(frozen=True)
class Outcome:
    """What people have, what the sender says, and what the sandbox counted."""

    missing: int
    """People who should have it and have it not."""
    repeated: int
    """Messages beyond the first of a person."""
    wrong: int
    """People who have it though they block the bot."""
    refused: int
    """Batches that were refused for the quota, but for the fault."""
    most: int
    """Messages written in any window, tries included."""
    unrecorded: int
    """Messages that the sandbox had taken and the sender had not noted when it was killed."""
    sent: int
    failed: int

    @property
    def is_perfect(self) -> bool:
        """Whether everybody has it once, and nobody who should not."""
        return not (self.missing or self.repeated or self.wrong)


class Stage:
    """A sandbox with people, and a bot whose announcements are sent by a command."""

    def __init__(self, run: Run, directory: Path) -> None:
        self._run = run
        self._directory = directory
        self._wire = directory / "wire.jsonl"
        self.sandbox = SandboxProcess(
            directory,
            environment={
                "BLAZEBOT_SANDBOX_QUOTA": str(int(run.quota * run.window / 60)),
                "BLAZEBOT_SANDBOX_QUOTA_WINDOW": str(run.window),
                "BLAZEBOT_SANDBOX_LOG_FILE": str(self._wire),
                "BLAZEBOT_SANDBOX_FAULTS": ",".join(FAULTS),
            },
        )
        self.everybody: list[str] = []
        self.blocking: set[str] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Stage]:
        """Begin: nobody has been sent anything."""
        await self.sandbox.start()
        try:
            async with (
                aiohttp.ClientSession() as http,
                People(http, self.sandbox.url) as self.people,
            ):
                self.control = Control(http, self.sandbox.url, patience=_PATIENCE)
                await self.people.watch_all()
                await self._populate()
                yield self
        finally:
            await self.sandbox.stop()

    async def _populate(self) -> None:
        self.bot_id = await self.control.create_bot("Bot")
        keystore = await self.control.issue_session(self.bot_id, "app")
        path = self._directory / "keystore.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(keystore))
        for _ in range(self._run.people // 1000):
            some = await self.people.create(["Person"] * 1000)
            await self.people.add_friend(some[STRANGERS:], self.bot_id)
            for one in some[-BLOCKED:]:
                await self.control.call(
                    "POST",
                    f"/people/{one}/relationships",
                    {"user_id": self.bot_id, "action": "BLOCK"},
                )
            self.blocking.update(some[-BLOCKED:])
            self.everybody += some
        (self._directory / "people.txt").write_text("\n".join(self.everybody))
        (self._directory / "message.txt").write_text("hello everybody")

    def sender(self) -> Process:
        """Return the command, to be started and killed."""
        command = [sys.executable, "-m", "tests.soak.announcing_process", "announce"]
        arguments = ["message.txt", "--to", "people.txt", "--json"]
        return Process(
            [*command, *arguments],
            log=self._directory / "sender.log",
            environment={
                "BLAZEBOT_KEYSTORE": str(self._directory / "keystore.json"),
                "BLAZEBOT_SERVER": self.sandbox.url,
                "BLAZEBOT_DATA_DIR": str(self._directory / "data"),
                "BLAZEBOT_QUOTA": str(self._run.quota),
                "BLAZEBOT_TEST_WITHOUT": self._run.without,
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
        )

    async def perform(self) -> Outcome:
        """Send it, with all kills."""
        run = self._run
        sender = self.sender()
        await sender.start()
        unrecorded = 0
        moments = ["sender"] * run.sender_kills
        for turn in range(run.sandbox_kills):
            moments.insert((turn + 1) * 2 + turn, "sandbox")
        async with asyncio.timeout(run.within):
            for number, who in enumerate(moments, 1):
                await self._until_recorded(sender, number * run.people // (len(moments) + 2))
                if who == "sandbox":
                    await self.sandbox.kill()
                    await self.sandbox.start()
                    continue
                await sender.kill()
                unrecorded += len(await self._got()) - self._recorded()
                await sender.start()
            assert await sender.wait() == 3, sender.log[-3000:]  # some block the bot
            counts = await self._got()
        wanted = len(self.everybody) - len(self.blocking)
        refused, most = self._counted()
        last = json.loads([line for line in sender.log.splitlines() if line.startswith("{")][-1])
        return Outcome(
            missing=wanted - len(counts.keys() - self.blocking),
            repeated=sum(counts.values()) - len(counts),
            wrong=len(counts.keys() & self.blocking),
            refused=refused,
            most=most,
            unrecorded=unrecorded,
            sent=last["sent"],
            failed=last["failed"],
        )

    async def _until_recorded(self, sender: Process, count: int) -> None:
        while self._recorded() < count:
            assert sender.is_running, sender.log[-3000:]
            await asyncio.sleep(0.01)

    def _recorded(self) -> int:
        path = self._directory / "data" / self.bot_id / "announcements.db"
        if not path.exists():
            return 0
        database = sqlite3.connect(path)
        try:
            row = database.execute(_RECORDED).fetchone()
        except sqlite3.OperationalError:  # it is just being made
            return 0
        finally:
            database.close()
        return int(row[0] or 0)

    async def _got(self) -> Counter[str]:
        """Return how often each person has got it, those left out who have not."""
        await self.people.catch_up(_PATIENCE)
        mine = {
            person: sum(message["user_id"] == self.bot_id for message in seen.values())
            for person, seen in self.people.seen.items()
        }
        return Counter({person: count for person, count in mine.items() if count})

    def _counted(self) -> tuple[int, int]:
        """Return the refusals for the quota, and the most messages written in any window."""
        refused = 0
        writes: list[tuple[float, int]] = []
        for entry in map(json.loads, self._wire.read_text().splitlines()):
            if entry.get("path") != "/messages":
                continue
            writes.append((_seconds(entry["at"]), len(entry["request"])))
            code = ((entry.get("answer") or {}).get("error") or {}).get("code")
            refused += code == 429 and "fault" not in entry
        return refused, most_in_window(writes, self._run.window)


def most_in_window(writes: Sequence[tuple[float, int]], window: float) -> int:
    """Return the most messages in any ``window`` seconds; each write has its time and count."""
    most = held = begin = 0
    for end, (at, count) in enumerate(writes):
        held += count
        while writes[begin][0] <= at - window:
            held -= writes[begin][1]
            begin += 1
        assert begin <= end
        most = max(most, held)
    return most


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
