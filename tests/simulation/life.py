"""One life of a bot: from its start until it is stopped or killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import Coroutine, Iterator
from contextvars import ContextVar, copy_context
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

from blazebot import Bot, Job, Message, State, Text
from blazebot.bot import runtime
from blazebot.client.blaze import BlazeClient
from blazebot.client.rest import RestClient
from blazebot.delivery.dead_letters import FILE_NAME, DeadLetters
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.delivery.outbox_store import FILE_NAME as OUTBOX
from blazebot.delivery.outbox_store import Kept, OutboxStore
from blazebot.errors import BlazebotError, Unauthorized
from blazebot.wire.messages import MessageView
from tests.simulation.bad_frames import FRAME_LIMIT
from tests.simulation.handlers import Counted, handle, remind
from tests.simulation.network import Network, Peer
from tests.simulation.sessions import Session
from tests.simulation.truth import Truth

HOSTS: Final = ("ws://a.test/", "ws://b.test/")

STOP_GRACE: Final = 5.0

_network: ContextVar[Network] = ContextVar("network")
_life: ContextVar[Life | None] = ContextVar("life", default=None)


class Life:
    """A process of a bot with ``session``, whose files are in ``folder``."""

    def __init__(
        self,
        session: Session,
        folder: Path,
        *,
        peer: Peer,
        truth: Truth,
        random: Random,
        settings: dict[str, Any],
    ) -> None:
        self.app_id = app_id = session.bot_id
        self.session = session
        self.folder = folder
        self.network = Network(peer, app_id, random)
        self.truth = truth
        self.random = random
        self.disk_is_full = False
        self.is_ending = False
        self.tasks: dict[asyncio.Task[Any], None] = {}  # in order, for a seed says what happens
        self._context = copy_context()
        self._context.run(_life.set, self)
        self._context.run(_network.set, self.network)
        self.bot = Bot(
            json.dumps(session.keystore),
            api_urls=("http://a.test", "http://b.test"),
            blaze_urls=HOSTS,
            data_dir=str(folder),
            stop_grace=STOP_GRACE,
            frame_limit=FRAME_LIMIT,
            **settings,
        )
        self.bot.on(Text)(self._handle)
        self.bot.job(name="remind")(self._remind)

    async def _handle(self, message: Message[Text], state: State[Counted]) -> None:
        await handle(self, message, state)

    async def _remind(self, job: Job[tuple[str, int]]) -> None:
        await remind(self, job)

    @property
    def runtime(self) -> Any:
        """The parts of the running bot."""
        return self.bot._runtime

    @property
    def refusal(self) -> Unauthorized | None:
        """Why it serves no longer; None while it does."""
        ended: asyncio.Task[None] = self.runtime.ended
        error = ended.exception() if ended.done() else None
        assert error is None or isinstance(error, Unauthorized), error
        return error

    def do(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Let the process do something, which ends with it at the latest."""
        return asyncio.get_running_loop().create_task(work, context=self._context)

    async def start(self) -> None:
        """Begin to serve."""
        await self.do(self.bot.start())
        self._note_what_is_buried()

    def _note_what_is_buried(self) -> None:
        letters = self.runtime._dead_letters
        add = letters.add

        def noting(view: MessageView, error: BaseException, tries: int) -> None:
            if self.disk_is_full or self.network.is_dead:
                self.truth.unburied(self, view.message_id)
                raise OSError("No space left on device")
            add(view, error, tries)
            self.truth.buried(self, view.message_id, tries)

        letters.add = noting

    async def stop(self) -> None:
        """Stop in good order."""
        self.is_ending = True
        await self.do(self.bot.stop())

    async def kill(self) -> Path:
        """End at once; return the disk as it was at that moment."""
        disk = self.folder.with_name(f"{self.folder.name}x")
        shutil.copytree(self.folder, disk)
        await self.end()
        return disk

    async def end(self) -> None:
        """End at once."""
        self.is_ending = True
        self.network.die()
        for task in list(self.tasks):
            task.cancel()
        with contextlib.suppress(BlazebotError, asyncio.CancelledError):
            await self.bot.stop()  # frees what a process leaves to the system

    # Its files, as other processes see them

    def replay_dead_letters(self) -> list[str]:
        """Ask for all dead letters to be handled again; return which these are."""
        path = self.folder / self.app_id / FILE_NAME
        if not path.exists():
            return []
        letters = DeadLetters(path)
        message_ids = [one.view.message_id for one in letters.all()]
        letters.ask_replay(message_ids)
        letters.close()
        return message_ids

    async def outbox(self) -> list[Kept]:
        """Return what was accepted and is not sent yet, or has been just now."""
        path = self.folder / self.app_id / OUTBOX
        if not path.exists():
            return []
        store = OutboxStore(path, self.session.id)
        try:
            return await store.waiting(0, 1000)
        finally:
            await store.close()


@contextlib.contextmanager
def lives(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let bots of this loop speak by their networks, and know which tasks are whose."""

    def new_task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        context = options.get("context")
        life = _life.get() if context is None else context.get(_life)
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        if life is not None:
            life.tasks[task] = None
            task.add_done_callback(life.tasks.pop)
        return task

    loop.set_task_factory(new_task)
    with contextlib.ExitStack() as patches:
        patches.enter_context(patch.object(runtime, "open_http", lambda _: _network.get()))
        for kind, clock in (
            (QuotaLimiter, loop.time),
            (BlazeClient, time.time),
            (RestClient, time.time),
            (DeadLetters, time.time),
        ):
            defaults = kind.__init__.__kwdefaults__
            assert defaults is not None
            patches.enter_context(patch.dict(defaults, clock=clock))
        yield
