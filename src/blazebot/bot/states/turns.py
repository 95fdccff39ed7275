"""Turns with a state: who has one sees what is there to be seen, and leaves what they have made."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeAlias

from blazebot.bot.message import Message
from blazebot.bot.states.histories import Entry, Histories
from blazebot.bot.states.history import NOTHING, Change, Version
from blazebot.bot.states.state import Draft, State
from blazebot.bot.states.steps import Step
from blazebot.errors import StateChanged

logger = logging.getLogger("blazebot.bot")

REDELIVERED: Final = 7 * 24 * 3600.0
"""Seconds for which a message that is not acknowledged may come again [S]."""

Moment: TypeAlias = Callable[[], float]
"""Tells when a turn was, in unix seconds: the same on each run."""


class Turns:
    """Turns with the states in ``histories``; ``steps`` are those that the bot knows, by name."""

    def __init__(self, histories: Histories, steps: Mapping[str, Step]) -> None:
        self.histories = histories
        self._steps = steps

    async def run(
        self,
        key: tuple[str, str],
        run: Callable[..., Coroutine[Any, Any, Any]],
        message: Message[Any],
        *given: Any,
    ) -> Any:
        """Return ``run(message, *given)``, with the state at hand, and keep what is done to it.

        Where ``run`` raises nothing is kept, and it is raised on.

        Raises:
            StateError: the state cannot be read or kept.
        """
        # As in `turn`, spelt out: each message goes this way.
        name = message.sent.cause  # of the handler of its last error it is another than its id
        entry = self.histories.take(key)
        try:
            if not entry.is_loaded:
                await self._load(entry)
            saw = entry.history.seen_by(name)
            version = entry.history.version(saw)
            if version.step:
                version = self._valid(version, partial(_moment_of, message))
            draft = Draft(version, self._steps)
            message.handed[Draft] = draft
            message.handed[State] = State(draft)  # as the provider would, but at less cost
            result = await run(message, *given)
            if draft.change is None:
                entry.history.note(name, saw)
            else:
                await self._keep(entry, name, saw, draft.change, partial(_moment_of, message))
        finally:
            self.histories.give_back(entry)
        return result

    @asynccontextmanager
    async def turn(
        self, key: tuple[str, str], name: str, moment: Moment, *, if_unchanged: bool = False
    ) -> AsyncIterator[Draft]:
        """Yield a state to who is called ``name`` on each run, and keep what is done to it.

        Raises:
            StateChanged: others have changed it meanwhile, with ``if_unchanged``.
            StateError: the state cannot be read or kept.
        """
        entry = self.histories.take(key)
        try:
            if not entry.is_loaded:
                await self._load(entry)
            saw = entry.history.seen_by(name)
            draft = Draft(self._valid(entry.history.version(saw), moment), self._steps)
            yield draft
            if draft.change is None:
                entry.history.note(name, saw)
            else:
                await self._keep(entry, name, saw, draft.change, moment, if_unchanged=if_unchanged)
        finally:
            self.histories.give_back(entry)

    async def _load(self, entry: Entry) -> None:
        await self.histories.load(entry)
        step = entry.history.version(entry.history.newest).step
        if step and step not in self._steps:
            logger.warning(
                "the state of user %s in conversation %s is at step %s, which this bot does not "
                "have: it is taken for none",
                *entry.key,
                step,
            )

    async def _keep(
        self,
        entry: Entry,
        name: str,
        saw: int,
        change: Change,
        moment: Moment,
        *,
        if_unchanged: bool = False,
    ) -> None:
        async with entry.lock:
            history = entry.history
            if not history.takes(name):
                logger.debug("%s comes again: what it makes of the state is there", name)
                return
            if if_unchanged and history.newest != saw:
                raise StateChanged("the state was changed meanwhile: look at it again, and decide")
            # What else has changed it meanwhile, such as a job, stays.
            version = history.version(history.newest)
            made = change.applied_to(self._valid(version, moment), max(version.at, moment()))
            if made.is_none and version.is_none:
                history.note(name, saw)
            else:
                history = history.changed(name, saw, made)
                await self.histories.save(entry, history, self._until(made))

    def _valid(self, version: Version, moment: Moment) -> Version:
        """Return a version, or that there is none where its time is over or its step is gone."""
        if not version.step:
            return version
        step = self._steps.get(version.step)
        if step is None:
            return NOTHING
        if step.forget_after is not None and moment() - version.at > step.forget_after:
            return NOTHING
        return version

    def _until(self, version: Version) -> float | None:
        """Return until when a version is to be kept: as long as messages may come that saw it."""
        if version.is_none:
            return time.time() + REDELIVERED
        step = self._steps.get(version.step)
        if step is None or step.forget_after is None:
            return None
        return max(version.at, time.time()) + step.forget_after + REDELIVERED


def _moment_of(message: Message[Any]) -> float:
    return message.created_at.timestamp() or time.time()  # the service may not have said
