"""One life of a bot: from its start until it is stopped or killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol
from unittest.mock import patch

from blazebot import Bot, Conversation, Message, SendTimeout, Text
from blazebot.bot import runtime
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.errors import BlazebotError
from blazebot.keys.issue import issue_keystore
from blazebot.wire.messages import MessageView
from tests.simulation.network import Network, Peer

HOSTS: Final = ("ws://a.test/", "ws://b.test/")

STOP_GRACE: Final = 5.0

_network: ContextVar[Network] = ContextVar("network")
_life: ContextVar[Life | None] = ContextVar("life", default=None)


class Truth(Protocol):
    """What the world knows of what bots have done, of whichever life."""

    def begun(self, bot_id: str, number: int) -> int:
        """A handler begins; return how often it has for this message, this time included."""

    def handled(self, life: Life, message_id: str, number: int, run: int) -> None:
        """A handler has succeeded."""

    def buried(self, bot_id: str, message_id: str) -> None:
        """A dead letter is on disk."""


class Life:
    """A process of the bot with ``app_id``, whose files are in ``folder``."""

    def __init__(
        self,
        app_id: str,
        session_id: str,
        folder: Path,
        *,
        peer: Peer,
        truth: Truth,
        random: Random,
        settings: dict[str, Any],
    ) -> None:
        self.app_id = app_id
        self.session_id = session_id
        self.folder = folder
        self.network = Network(peer, app_id, random)
        self.disk_is_full = False
        self.tasks: set[asyncio.Task[Any]] = set()
        self._truth = truth
        self._random = random
        self.bot = Bot(
            json.dumps(issue_keystore("app", app_id, session_id).document),
            api_urls=("http://a.test", "http://b.test"),
            blaze_urls=HOSTS,
            data_dir=str(folder),
            stop_grace=STOP_GRACE,
            max_tries=3,
            **settings,
        )
        self.bot.on(Text)(self._handle)

    @property
    def runtime(self) -> Any:
        """The parts of the running bot."""
        return self.bot._runtime

    async def start(self) -> None:
        """Begin to serve."""
        _life.set(self)
        _network.set(self.network)
        await self.bot.start()
        self._note_what_is_buried()

    def _note_what_is_buried(self) -> None:
        letters = self.runtime._dead_letters
        add = letters.add

        def noting(view: MessageView, error: BaseException, tries: int) -> None:
            if self.disk_is_full or self.network.is_dead:
                raise OSError("No space left on device")
            add(view, error, tries)
            self._truth.buried(self.app_id, view.message_id)

        letters.add = noting

    async def stop(self) -> None:
        """Stop in good order."""
        await self.bot.stop()

    async def kill(self) -> Path:
        """End at once; return the disk as it was at that moment."""
        disk = self.folder.with_name(f"{self.folder.name}x")
        shutil.copytree(self.folder, disk)
        self.network.die()
        for task in list(self.tasks):
            task.cancel()
        with contextlib.suppress(BlazebotError, asyncio.CancelledError):
            await self.bot.stop()  # frees what a process leaves to the system
        return disk

    # What the bot does

    async def _handle(self, message: Message[Text]) -> None:
        number = int(message.content.text)
        run = self._truth.begun(self.app_id, number)
        kind = KINDS[number % len(KINDS)]
        if kind in ("slow", "poisoned"):
            await asyncio.sleep(self._random.uniform(0.0, 3.0))
        if kind == "fails first" and run == 1:
            raise ValueError("as always")
        if kind == "keyed":
            await message.reply(f"{number} in run {run}", key="it")
        elif kind == "varying":
            await message.reply(f"{number} in run {run}")
        else:
            for _ in range(REPLIES[kind]):
                await message.reply(str(number))
        if kind == "poisoned" or (kind in _FAIL_AFTER_REPLYING and run == 1):
            raise ValueError("as always")
        if not self.network.is_dead:
            self._truth.handled(self, message.id, number, run)

    async def say(self, conversation_id: str, text: str, *, waits: bool) -> bool:
        """Send what no message stands behind; return whether it was accepted for sure."""
        to = Conversation(conversation_id)
        try:
            await (self.bot.send(to, text) if waits else self.bot.enqueue(to, text))
        except SendTimeout:
            pass  # it stays accepted
        except BlazebotError:
            return False
        return not self.network.is_dead


KINDS: Final = (
    "silent",
    "one reply",
    "twice the same",
    "slow",
    "fails after replying",
    "poisoned",
    "keyed",
    "varying",
    "fails first",
    "one reply",
)
"""What the handler does with a message, by its number."""

_FAIL_AFTER_REPLYING: Final = ("fails after replying", "keyed", "varying")

REPLIES: Final = {
    "silent": 0,
    "one reply": 1,
    "twice the same": 2,
    "slow": 1,
    "fails after replying": 1,
    "poisoned": 1,
    "fails first": 1,
}
"""How many replies of the same words it sends."""


@contextlib.contextmanager
def lives(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let bots of this loop speak by their networks, and know which tasks are whose."""

    def new_task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        life = _life.get()
        if life is not None:
            life.tasks.add(task)
            task.add_done_callback(life.tasks.discard)
        return task

    loop.set_task_factory(new_task)
    assert QuotaLimiter.__init__.__kwdefaults__ is not None
    with (
        patch.object(runtime, "open_http", lambda _: _network.get()),
        patch.dict(QuotaLimiter.__init__.__kwdefaults__, clock=loop.time),
    ):
        yield
