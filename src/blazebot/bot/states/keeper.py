"""``bot.states``: whose states there are, where they are kept, and who may see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeAlias,
    TypeVar,
    get_args,
    get_origin,
    overload,
)
from uuid import uuid4

import msgspec

from blazebot.bot.events import sent_by_current
from blazebot.bot.injection import Provider
from blazebot.bot.message import Message
from blazebot.bot.states.histories import MEMORY_LIMIT, Histories
from blazebot.bot.states.sqlite import SqliteStateStorage
from blazebot.bot.states.state import Draft, State, check_data
from blazebot.bot.states.steps import Step, steps_of
from blazebot.bot.states.storage import StateStorage
from blazebot.bot.states.turns import Turns
from blazebot.errors import NotRunning, RegistrationError, StateError
from blazebot.wire.ids import contact_conversation_id, is_uuid

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot

D = TypeVar("D", bound=msgspec.Struct)

Per: TypeAlias = Literal["participant", "person", "conversation"]
"""Whose a state is: a person's in one conversation, a person's in all, or a conversation's."""

Run: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]


class StateProvider(Provider):
    """Gives the state of a message to parameters annotated ``State`` or ``State[Answers]``."""

    def __init__(self) -> None:
        super().__init__(State, _state)

    def factory_for(self, annotation: object) -> Callable[..., Any] | None:
        """Return what makes the values; see :meth:`Provider.factory_for`."""
        if get_origin(annotation) is not State:
            return super().factory_for(annotation)
        kind = check_data(get_args(annotation)[0])

        def state(message: Message[Any]) -> State[Any]:
            return State(message.handed[Draft], kind)

        return state


def _state(message: Message[Any]) -> State:
    return State(message.handed[Draft])


class StateKeeper:
    """The states of one bot.

    By default each person has one in each conversation, and they are kept in a file in the bot's
    data directory, which is made when something asks for states.
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._per: Per = "participant"
        self._storage: StateStorage | None = None
        self._path: Path | None = None
        self._own: SqliteStateStorage | None = None
        self._shared: StateStorage | None = None
        self._turns: Turns | None = None
        self._steps: Mapping[str, Step] = {}
        self._is_used = False

    def keep(self, storage: StateStorage | None = None, *, per: Per = "participant") -> None:
        """Keep states in ``storage`` (None: the file), one ``per`` participant, or otherwise.

        A participant is a person in a conversation. One per ``person`` is the same in all
        conversations, which are handled side by side: messages in two of them at once see the same,
        and what they change is put together field by field. One per ``conversation`` is shared by
        all who are in it.

        Raises:
            RegistrationError: the bot runs, or ``per`` is something else.
        """
        if self._path is not None:
            raise RegistrationError("states.keep() comes too late: call it before the bot starts")
        if per not in get_args(Per):
            raise RegistrationError(f"states.keep(): per should be one of {get_args(Per)}")
        self._storage = storage
        self._per = per

    # What is no message

    @overload
    def of(
        self, user_id: str, /, *, conversation_id: str | None = None, if_unchanged: bool = False
    ) -> AbstractAsyncContextManager[State]: ...
    @overload
    def of(
        self,
        user_id: str,
        data: type[D],
        /,
        *,
        conversation_id: str | None = None,
        if_unchanged: bool = False,
    ) -> AbstractAsyncContextManager[State[D]]: ...
    @asynccontextmanager
    async def of(
        self,
        user_id: str,
        data: type[D] | None = None,
        /,
        *,
        conversation_id: str | None = None,
        if_unchanged: bool = False,
    ) -> AsyncIterator[State[Any]]:
        """Give somebody's state, for who is not handling a message of theirs, such as a job::

            async with bot.states.of(user_id) as state:
                state.set(Survey.name)

        It is that in the conversation of two unless ``conversation_id`` says otherwise. What is
        done takes effect at the end of the block, once: not again when a handler or job runs again.
        What others, such as a handler, have changed meanwhile stays where it touches other fields;
        with ``if_unchanged`` nothing takes effect then.

        Raises:
            NotRunning: the bot does not run.
            RegistrationError: ``data`` cannot be a class of data.
            StateChanged: others have changed it meanwhile, with ``if_unchanged``; at the end.
            StateError: an id is none; or the state cannot be read, or kept.
        """
        for one in (user_id, conversation_id):
            if one is not None and not is_uuid(one):
                raise StateError(f"states.of(): an id is a UUID, not {one!r:.80}")
        key = self._key(user_id, conversation_id or contact_conversation_id(self._bot.id, user_id))
        sent = sent_by_current()
        name = str(uuid4()) if sent is None else sent.message_id(key[1], "state", key[0].encode())
        kind = None if data is None else check_data(data)
        now = self._bot.clock.now
        async with self._opened().turn(key, name, now, if_unchanged=if_unchanged) as draft:
            yield State(draft, kind)

    async def forget(self, user_id: str) -> None:
        """Delete all states of a person; those per conversation are nobody's, and stay.

        Raises:
            NotRunning: the bot does not run.
            StateError: they cannot be deleted.
        """
        await self._opened().histories.forget(user_id.lower())

    # For the bot

    def learn(self, used: Collection[object]) -> None:
        """Note the steps among what handlers and filters use, and whether they use states."""
        self._steps = steps_of(used)
        self._is_used = bool(self._steps) or any(
            one is Draft or (get_origin(one) or one) is State for one in used
        )

    def open(self, directory: Path, shared: StateStorage | None = None) -> None:
        """Keep states in ``directory``, unless they are kept elsewhere.

        With ``shared`` they are kept there, with other processes: then nothing stays in memory.

        Raises:
            StateError: they cannot be kept there.
        """
        self._path = directory / "states.db"
        self._shared = shared
        if self._is_used:
            self._opened()

    async def close(self) -> None:
        """Finish writing, and close what was opened."""
        self._path = self._turns = None
        if self._own is not None:
            own, self._own = self._own, None
            await own.close()

    def around(self, run: Run) -> Run:
        """Return ``run(message, ...)`` with the message's state at hand, if anything asks for it.

        What is done to the state is kept when ``run`` has succeeded.
        """
        if not self._is_used:
            return run

        def run_with_state(message: Message[Any], *given: Any) -> Coroutine[Any, Any, Any]:
            turns = self._turns or self._opened()
            key = self._key(message.user_id, message.conversation_id)
            return turns.run(key, run, message, *given)

        return run_with_state

    def _opened(self) -> Turns:
        if self._path is None:
            raise NotRunning("there are states while the bot runs")
        if self._turns is None:
            storage = self._storage or self._shared
            if storage is None:
                storage = self._own = SqliteStateStorage(self._path)
            limit = MEMORY_LIMIT if self._shared is None else 0
            self._turns = Turns(Histories(storage, limit), self._steps)
        return self._turns

    def _key(self, user_id: str, conversation_id: str) -> tuple[str, str]:
        """Return a state's key; it is a StateKey only where one is needed: that takes its time."""
        return (
            "" if self._per == "conversation" else user_id.lower(),
            "" if self._per == "person" else conversation_id.lower(),
        )
