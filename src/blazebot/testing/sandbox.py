"""A sandbox as one test sees it: its own people and bots, the time, and what goes wrong."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final, Self, Unpack

import aiohttp

from blazebot import Bot, BotOptions, Router
from blazebot.errors import BlazebotError, NotSeen, SandboxError
from blazebot.testing.bots import Runnable, bot_of
from blazebot.testing.clock import Clock
from blazebot.testing.control import ANSWER_TIMEOUT, Control, People
from blazebot.testing.faults import Faults
from blazebot.testing.logs import RecentLog
from blazebot.testing.person import PATIENCE, Person
from blazebot.testing.transcript import conversation, part, wire_line

__all__ = ["Sandbox"]

_SETTINGS: Final[BotOptions] = {
    "receipt_delay": 0.001,  # a test waits for what follows
    "stop_grace": 1.0,  # and for nothing that does not matter to it
}

_SERVICE: Final = "00000000-0000-0000-0000-000000000000"  # unless system_user_id says otherwise

_LOOK_AGAIN: Final = 0.02
"""Seconds after which bots are asked again how they are doing, if nothing has changed by then."""

_PEOPLE_SHOWN: Final = 10

_PATIENCE_WITH_LOG: Final = 5.0
"""Seconds for the wire log to be read, for a test that fails anyway."""


class Sandbox:
    """The sandbox at ``url``, from ``async with`` to its end, when what was made in it is stopped.

    Tests share a sandbox and do not see each other: each has people and bots of its own. The time
    and the faults are the sandbox's, and end with the test.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.names: dict[str, str] = {_SERVICE: "the service"}
        """Names of people, bots and groups by id."""
        self._log = RecentLog()
        self._persons: list[Person] = []
        self._bots: list[Bot] = []
        self._ends: list[asyncio.Task[None]] = []
        self._leaving = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Begin; raises SandboxError: there is no sandbox at this address."""
        self._loop = asyncio.get_running_loop()
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop the bots, and leave the sandbox as it was."""
        await self._leaving.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _open(self) -> None:
        leaving = self._leaving
        leaving.enter_context(self._log)
        prefix = "blazebot-bots-"
        self._directory = Path(leaving.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
        http = await leaving.enter_async_context(aiohttp.ClientSession())
        await Control(http, self.url).call("GET", "/health")
        self._control = Control(http, self.url, patience=ANSWER_TIMEOUT)
        self._people = await leaving.enter_async_context(People(http, self.url))
        await self._people.watch_all()
        self.clock = Clock(self._control)
        leaving.push_async_callback(self.clock.reset)
        self.faults = Faults(self._control)
        leaving.push_async_callback(self._end)

    async def _end(self) -> None:
        await asyncio.gather(*self._ends, return_exceptions=True)

    @property
    def control(self) -> Control:
        """All that the sandbox's control API can do."""
        self._check_loop()
        return self._control

    @property
    def people(self) -> People:
        """Its control socket; rather use :meth:`person`."""
        self._check_loop()
        return self._people

    def _check_loop(self) -> None:
        if self._loop is not asyncio.get_running_loop():
            raise SandboxError(
                "this sandbox was entered in another event loop. With pytest-asyncio, give tests "
                "and fixtures the same one: asyncio_default_fixture_loop_scope and "
                "asyncio_default_test_loop_scope should be equal"
            )

    # People and bots

    async def person(self, name: str = "Alice") -> Person:
        """Create a person, who is nobody's friend yet."""
        (person_id,) = await self.people.create([name])
        person = Person(self, person_id, name)
        self.names[person_id] = name
        self._persons.append(person)
        return person

    async def run(
        self, what: Runnable, /, *more: Router, name: str = "Bot", **settings: Unpack[BotOptions]
    ) -> Bot:
        """Run a bot in the running loop until the test ends, and return it once its line is open.

        ``what`` is a bot, a router or several, a function that makes a bot, or ``module:name``. It
        gets a keystore and a data directory of its own, whatever it would have otherwise: it
        cannot reach the service. ``settings`` are those of a bot, over its own.

        Raises:
            RegistrationError: a handler cannot be one; and what else its start raises.
            SandboxError: it is nothing that can be run; or ``server`` or ``data_dir`` is given,
                which are the test's.
        """
        own: BotOptions = {"server": self.url, "data_dir": str(self._directory)}
        if taken := own.keys() & settings:
            raise SandboxError(f"{', '.join(taken)}: in a test these are not for you to set")
        bot = bot_of(what, *more)
        bot_id = await self.control.create_bot(name)
        keystore = await self.control.issue_session(bot_id, "app")
        chosen: BotOptions = {**_SETTINGS, **settings, **own}
        bot.use(keystore, **chosen)
        self.names[bot.id] = name
        self.clock.follow(bot)
        await self._leaving.enter_async_context(bot)
        self._bots.append(bot)
        self._ends.append(asyncio.create_task(bot.wait_closed()))
        return bot

    def chosen(self, bot: Bot | None) -> Bot:
        """Return ``bot``, or the only one that the test runs.

        Raises:
            SandboxError: there is none, or more than one.
        """
        if bot is not None:
            return bot
        if len(self._bots) == 1:
            return self._bots[0]
        if self._bots:
            raise SandboxError("the test runs several bots: say which one by `to=` or as argument")
        raise SandboxError("the test runs no bot yet: `bot = await run_bot(...)` comes first")

    # Waiting

    async def until(
        self, condition: Callable[[], bool], words: str = "", within: float = PATIENCE
    ) -> None:
        """Return when ``condition()`` holds; it is asked at each change of what people see.

        Raises:
            NotSeen: it does not ``within`` so many seconds, or no bot serves any more. ``words``
                say what was waited for.
        """
        __tracebackhide__ = True
        self._check_loop()
        if condition():
            return
        waiting = asyncio.create_task(self._people.until(condition, within))
        try:
            while not waiting.done():
                serving = [end for end in self._ends if not end.done()]
                await asyncio.wait((waiting, *serving), return_when=asyncio.FIRST_COMPLETED)
                if self._ends and len(self._failures()) == len(self._ends):
                    break
            if not (waiting.done() and waiting.exception() is None):
                raise NotSeen(await self.explain(words or "the test waited in vain"))
        finally:
            waiting.cancel()

    async def settle(self, within: float = PATIENCE) -> None:
        """Return when the bots have handled all that came to them, and people see what they sent.

        Raises:
            NotSeen: they have not ``within`` so many seconds.
        """
        __tracebackhide__ = True
        pending = 0
        try:
            async with asyncio.timeout(within):
                while pending := await self._pending():
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_AGAIN):
                            await self._people.change()
                await self._people.catch_up(within)
        except TimeoutError:
            words = f"messages to bots that are not handled after {within:g} s: {pending}"
            raise NotSeen(await self.explain(words)) from None

    async def _pending(self) -> int:
        pending = 0
        for bot, end in zip(self._bots, self._ends, strict=True):
            state = await self.people.call("bot", bot_id=bot.id)
            if state["connected"] or not end.done():  # of one that was stopped nothing is to come
                pending += state["pending"]
        return pending

    # What is shown when a test fails

    def transcript(self) -> str:
        """Return what each person has sent and seen, in lines; of many people only some."""
        parts = [
            part(
                f"What {person.name} has sent and seen",
                conversation(person.history(), self.names, {one.id for one in person.waiting()}),
            )
            for person in self._persons[:_PEOPLE_SHOWN]
        ]
        if left_out := len(self._persons) - len(parts):
            parts.append(f"... and {left_out} more people")
        return "\n\n".join(parts)

    async def explain(self, words: str) -> str:
        """Return ``words``, and under them what people saw, what was logged, and the wire log."""
        parts = (
            "\n".join((words, *self._failures())),
            self.transcript(),
            part("The log", self._log.lines),
            part("The wire", await self._wire()),
        )
        return "\n\n".join(one for one in parts if one)

    def _failures(self) -> list[str]:
        return [
            f"the bot {self.names[bot.id]} serves no more: {end.exception()}"
            for bot, end in zip(self._bots, self._ends, strict=True)
            if end.done() and not end.cancelled() and end.exception() is not None
        ]

    async def _wire(self) -> list[str]:
        lines = []
        try:
            async with asyncio.timeout(_PATIENCE_WITH_LOG):
                for bot in self._bots:
                    lines += [wire_line(one) async for one in self._control.log(bot_id=bot.id)]
        except (TimeoutError, BlazebotError) as error:
            lines.append(f"the wire log cannot be read: {error}")
        return lines
