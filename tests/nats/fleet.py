"""A sandbox, NATS, and the gateways and workers of one bot, each a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from nats.js import JetStreamContext

from blazebot.jetstream.connection import NatsError, connect
from blazebot.jetstream.names import GATEWAYS_BUCKET
from blazebot.testing.control import Control, People
from blazebot.testing.processes import Process, SandboxProcess
from blazebot.testing.tally import Tally, tally
from blazebot.wire.messages import READ
from tests.nats.servers import NatsServers
from tests.wire.running import write_keystore

ECHO = """
import asyncio
import random

from blazebot import Bot, Message, Text

bot = Bot("bot.json", receipt_delay=0.01, max_tries=3)

@bot.on(Text)
async def echo(message: Message[Text]) -> None:
    text = message.content.text
    if text == "poison":
        raise ValueError("no antidote")
    await asyncio.sleep({work} * random.random())
    await message.reply(text)
    await asyncio.sleep({work} * random.random())
"""


ROOT = Path(__file__).parents[2]


class Fleet:
    """Processes that serve one bot together; ``module`` is what they run."""

    def __init__(
        self,
        folder: Path,
        nats: NatsServers,
        sandbox: SandboxProcess,
        control: Control,
        people: People,
    ) -> None:
        self.folder = folder
        self.nats = nats
        self.sandbox = sandbox
        self.control = control
        self.people = people
        self.bot_id = ""
        self.module = "blazebot"
        self.environment: dict[str, str] = {}
        self.replicas = len(nats.nodes)
        self.partitions = 32
        self.sent: dict[str, list[str]] = {}
        self.processes: list[Process] = []

    async def prepare(self, bot: str, work: float) -> None:
        """Create the bot in the sandbox, and its module."""
        self.bot_id = await self.control.create_bot("Echo")
        keystore = await self.control.issue_session(self.bot_id, "app")
        write_keystore(self.folder / "bot.json", keystore)
        (self.folder / "app.py").write_text(bot.replace("{work}", str(work)))

    def gateway(self, name: str, **environment: str) -> Process:
        """Return a gateway, not started."""
        return self._process(name, ["gateway", "bot.json"], environment)

    def worker(self, name: str, *arguments: str) -> Process:
        """Return a worker, not started."""
        return self._process(name, ["worker", "app:bot", *arguments], {})

    def both(self, name: str) -> Process:
        """Return gateway and worker in one process, not started."""
        return self._process(name, ["run", "app:bot"], {})

    async def command(self, *arguments: str) -> str:
        """Return what a command that ends by itself has written."""
        process = self._process("command", arguments, {})
        await process.start()
        assert await process.wait() == 0, process.log
        return process.log

    def _process(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> Process:
        # One folder for all, as a test has one bot; data directories of their own, as on machines.
        process = Process(
            [sys.executable, "-m", self.module, *command],
            log=self.folder / f"{name}.log",
            environment={
                "PYTHONPATH": str(ROOT),  # for the module with something switched off
                "BLAZEBOT_SERVER": self.sandbox.url,
                "BLAZEBOT_KEYSTORE": "bot.json",
                "BLAZEBOT_DATA_DIR": str(self.folder / f"{name}-data"),
                "BLAZEBOT_ENGINE": self.nats.url,
                "BLAZEBOT_ENGINE_PARTITIONS": str(self.partitions),
                "BLAZEBOT_ENGINE_REPLICAS": str(self.replicas),
                "BLAZEBOT_RECEIPT_DELAY": "0.01",
                **self.environment,
                **environment,
            },
        )
        self.processes.append(process)
        return process

    async def close(self) -> None:
        """End all processes."""
        await asyncio.gather(*(one.kill() for one in self.processes))

    @asynccontextmanager
    async def jetstream(self) -> AsyncIterator[JetStreamContext]:
        """Yield a connection to NATS of the test's own."""
        client = await connect(self.nats.url, name="test", within=30)
        try:
            yield client.jetstream()
        finally:
            await client.close()

    async def holder(self) -> Process:
        """Return the gateway that holds the line, once one does."""
        async with self.jetstream() as js, asyncio.timeout(30):
            while True:
                with suppress(NatsError):
                    bucket = await js.key_value(GATEWAYS_BUCKET)
                    value = (await bucket.get(self.bot_id)).value or b""
                    for process in self.processes:
                        if process.is_running and f" {process.pid} " in value.decode():
                            return process
                await asyncio.sleep(0.1)

    # People

    async def people_with_bot(self, count: int) -> list[str]:
        """Create people who have the bot as a friend, and see what they see."""
        people = await self.people.create([f"Person {number}" for number in range(count)])
        self.sent = {person: [] for person in people}
        await self.people.watch(people)
        await self.people.add_friend(people, self.bot_id)
        return people

    async def say(self, texts: dict[str, Sequence[str]]) -> None:
        """Let people write to the bot: one text of each in turn."""
        messages = []
        for place in range(max(len(one) for one in texts.values())):
            for person, theirs in texts.items():
                if place < len(theirs):
                    self.sent[person].append(theirs[place])
                    messages.append(
                        {"person_id": person, "recipient_id": self.bot_id, "text": theirs[place]}
                    )
        await self.people.send(messages)

    def echoes(self, person: str) -> list[str]:
        """Return the texts that a person has from the bot but the echo of the first Hello."""
        seen = sorted(self.people.seen[person].values(), key=lambda one: int(one["seq"]))
        return [one["text"] for one in seen if one["user_id"] == self.bot_id][1:]

    def seen_of(self, people: Sequence[str]) -> list[dict[str, Any]]:
        """Return the messages of these people as they see them."""
        return [
            message
            for person in people
            for message in self.people.seen[person].values()
            if message["user_id"] == person
        ]

    def echoed(self) -> int:
        """Return how many texts all people have from the bot."""
        return sum(len(self.echoes(person)) for person in self.sent)

    def tally(self) -> Tally:
        """Count what people saw."""
        read = {
            person: sum(
                one["status"] == READ
                for one in self.people.seen[person].values()
                if one["user_id"] == person and one["text"] in set(self.sent[person])
            )
            for person in self.sent
        }
        echoes = {person: self.echoes(person) for person in self.sent}
        return tally(self.sent, echoes, read)

    async def until(self, condition: Callable[[], bool], within: float) -> None:
        """Wait until what people see is so."""
        try:
            await self.people.until(condition, within)
        except TimeoutError:
            logs = "\n".join(f"== {one.logger.name}\n{one.log[-3000:]}" for one in self.processes)
            raise AssertionError(f"{self.tally()}\n{logs}") from None

    async def greeted(self, count: int) -> list[str]:
        """Create people who have the bot as a friend, to whom it has answered."""
        people = await self.people_with_bot(count)
        await self.until(lambda: all(self._has_answered(person) for person in people), 60)
        return people

    def _has_answered(self, person: str) -> bool:
        return any(one["user_id"] == self.bot_id for one in self.people.seen[person].values())

    async def settle(self, within: float) -> Tally:
        """Wait until all is echoed and read, or nothing changes for ``within`` seconds."""

        def progress() -> tuple[int, int]:
            counts = self.tally()
            return self.echoed(), counts.read

        while not self.tally().is_perfect:
            before = progress()
            try:
                await self.people.until(lambda before=before: progress() != before, within)  # type: ignore[misc]
            except TimeoutError:
                break
        return self.tally()
