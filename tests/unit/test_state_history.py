"""What a message sees of a state, however often and whenever it comes again."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot import MemoryStateStorage, State, StateError, States, Step
from blazebot.bot.states.histories import Histories
from blazebot.bot.states.history import (
    HISTORY_LIMIT,
    NOTHING,
    SEEN_LIMIT,
    Change,
    History,
    Version,
)
from blazebot.bot.states.state import Draft
from blazebot.bot.states.steps import steps_of
from blazebot.bot.states.storage import StateKey
from blazebot.bot.states.turns import Turns

KEY = StateKey("user", "conversation")


class Walk(States):
    one = Step()
    two = Step()
    three = Step()


class Brief(States, forget_after=timedelta(seconds=60)):
    asked = Step()


STEPS = steps_of([Walk, Brief])


class Crash(Exception):
    """The process dies here."""


class DyingStorage(MemoryStateStorage):
    """Dies, when told to, once it has kept something: whoever waits never hears of it."""

    dies = False

    async def save(self, key: StateKey, state: bytes, until: float | None) -> None:
        await super().save(key, state, until)
        if self.dies:
            raise Crash


def turn(
    histories: Histories, name: str, moment: float = 0.0, key: StateKey = KEY
) -> AbstractAsyncContextManager[Draft]:
    return Turns(histories, STEPS).turn(key, name, lambda: moment)


# A model: a conversation whose messages are handled in order, by a process that dies


class Talk:
    """Messages to a handler that walks through steps and writes down by whom it was changed.

    ``acts[n]`` is what message ``n`` does. ``times`` are as they come: two alike, or going back.
    ``wrong`` is what should not have been: a message that came again and saw something else.
    """

    def __init__(self, acts: list[str], times: list[int]) -> None:
        self.acts = acts
        self.times = times
        self.wrong: list[str] = []
        self.expected: list[str] = []
        self._storage = DyingStorage()
        self._histories = Histories(self._storage)
        self._saw: dict[int, str] = {}
        self._arrived = 0
        self._acknowledged = 0
        self._edits = 0

    async def arrive(self, dies: str = "") -> bool:
        """Handle the next message; the process may die while ``handling``, or just after that.

        Returns whether there are more.
        """
        number = self._arrived
        if number == len(self.acts):
            return False
        self._storage.dies = dies == "saving"
        saw = ""
        try:
            async with self._turn(f"message {number}", self.times[number]) as draft:
                state = State(draft)
                saw = f"{state.step} {dict(state.data)}"
                act(self.acts[number], str(number), state)
                if dies == "handling":
                    raise Crash
            self._arrived += 1
        except Crash:
            self.crash()
        finally:
            self._storage.dies = False
        if dies != "handling":
            self._handled(number, saw)
        return True

    def _handled(self, number: int, saw: str) -> None:
        if number not in self._saw:
            self._saw[number] = saw
            self._expect(self.acts[number], str(number))
        elif self._saw[number] != saw:
            self.wrong.append(f"message {number} saw {self._saw[number]}, and then {saw}")

    async def edit(self) -> None:
        """Let something else change it, such as a job; not while handled messages come again."""
        if self._arrived < len(self._saw):
            return
        self._edits += 1
        name = f"edit {self._edits}"
        async with self._turn(name, 0) as draft:
            act("put", name, State(draft))
        self._expect("put", name)

    def crash(self) -> None:
        """Die, and lose what is not kept. What is not acknowledged comes again, in order."""
        self._histories = Histories(self._storage)
        self._arrived = self._acknowledged

    def acknowledge(self, count: int) -> None:
        """Acknowledge so many more messages."""
        self._acknowledged = min(self._arrived, self._acknowledged + count)

    async def changed_by(self) -> list[str]:
        """Return what the state says now of who has changed it."""
        async with self._turn("look", 0) as draft:
            by: list[str] = State(draft).data.get("by", [])
            return by

    def _turn(self, name: str, moment: float) -> AbstractAsyncContextManager[Draft]:
        return turn(self._histories, name, moment)

    def _expect(self, what: str, name: str) -> None:
        if what == "clear":
            self.expected = []
        elif what != "look":
            self.expected = [*self.expected, name]


def act(what: str, name: str, state: State) -> None:
    """Do to a state what a message is to do."""
    by = [*state.data.get("by", ()), name]
    if what == "walk":
        steps = list(STEPS.values())
        at = steps.index(state.step) if state.step else -1
        state.set(steps[(at + 1) % 3], by=by)
    elif what == "put":
        state.update(by=by)
    elif what == "clear":
        state.clear()


async def play(talk: Talk, events: list[str | int]) -> None:
    """Let all this happen; and then let all messages arrive, twice."""
    for event in events:
        if isinstance(event, int):
            talk.acknowledge(event)
        elif event == "crash":
            talk.crash()
        elif event == "edit":
            await talk.edit()
        else:
            await talk.arrive("" if event == "arrive" else event)
    while await talk.arrive():
        pass
    talk.crash()
    while await talk.arrive():
        pass


ACTS = st.lists(st.sampled_from(["walk", "put", "clear", "look"]), min_size=1, max_size=12)
EVENTS = st.lists(
    st.sampled_from(["arrive", "arrive", "arrive", "crash", "edit", "handling", "saving", 1, 3]),
    max_size=40,
)


@given(ACTS, EVENTS, st.randoms(use_true_random=False))
def test_a_message_sees_the_same_each_time_and_changes_the_state_once(
    acts: list[str], events: list[str | int], chance: Random
) -> None:
    talk = Talk(acts, [chance.randrange(3) for _ in acts])

    async def check() -> None:
        await play(talk, events)
        assert not talk.wrong
        assert await talk.changed_by() == talk.expected

    asyncio.run(check())


@pytest.mark.parametrize("method", ["seen_by", "takes"])
def test_the_model_notices_a_history_that_is_none(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    always: dict[str, Any] = {
        "seen_by": lambda self, _: self.newest,
        "takes": lambda self, _: True,
    }
    monkeypatch.setattr(History, method, always[method])
    talk = Talk(["walk", "walk"], [0, 0])

    async def check() -> bool:
        await play(talk, ["arrive", "arrive", "edit"])
        return bool(talk.wrong) or await talk.changed_by() != talk.expected

    assert asyncio.run(check())


# What else a turn does


@pytest.fixture
def histories() -> Histories:
    return Histories(MemoryStateStorage())


async def seen(histories: Histories, name: str, moment: float = 0.0) -> dict[str, Any]:
    async with turn(histories, name, moment) as draft:
        return {**State(draft).data, "step": draft.step}


async def put(histories: Histories, name: str, moment: float = 0.0, **fields: Any) -> None:
    async with turn(histories, name, moment) as draft:
        State(draft).update(**fields)


async def test_a_handler_that_fails_changes_nothing(histories: Histories) -> None:
    async def fail() -> None:
        async with turn(histories, "a") as draft:
            State(draft).set(Walk.one, x=1)
            raise Crash

    with pytest.raises(Crash):
        await fail()
    assert await seen(histories, "a") == {"step": None}


async def test_a_handler_that_does_something_else_when_it_runs_again_changes_nothing(
    histories: Histories,
) -> None:
    await put(histories, "a", x=1)
    await put(histories, "a", x=2)
    assert await seen(histories, "b") == {"x": 1, "step": None}
    assert await seen(histories, "a") == {"step": None}


async def test_who_only_looked_may_change_it_later_if_nobody_has(histories: Histories) -> None:
    await seen(histories, "a")  # and then it was a dead letter, say
    await put(histories, "a", x=1)
    assert await seen(histories, "b") == {"x": 1, "step": None}
    await put(histories, "c", x=3)
    await put(histories, "b", x=2)
    assert await seen(histories, "d") == {"x": 3, "step": None}


async def test_what_is_changed_meanwhile_stays(histories: Histories) -> None:
    async with turn(histories, "a") as draft:
        await put(histories, "job", reminded=True, x=0)
        State(draft).set(Walk.two, x=1)
    assert await seen(histories, "b") == {"x": 1, "reminded": True, "step": Walk.two}
    assert await seen(histories, "a") == {"step": None}


async def test_turns_at_once_are_each_kept(histories: Histories) -> None:
    await asyncio.gather(*(put(histories, str(n), **{f"x{n}": n}) for n in range(20)))
    assert len(await seen(histories, "look")) == 21


async def test_who_says_nothing_for_long_is_at_no_step(histories: Histories) -> None:
    async with turn(histories, "a", 1000.0) as draft:
        State(draft).set(Brief.asked, x=1)
    assert await seen(histories, "b", 1060.0) == {"x": 1, "step": Brief.asked}
    assert await seen(histories, "c", 1061.0) == {"step": None}
    await put(histories, "d", 1061.0, y=2)
    assert await seen(histories, "e", 1062.0) == {"y": 2, "step": None}
    assert await seen(histories, "b", 1060.0) == {"x": 1, "step": Brief.asked}


async def test_a_step_that_the_bot_does_not_have_is_none(
    histories: Histories, caplog: pytest.LogCaptureFixture
) -> None:
    storage = MemoryStateStorage()
    async with turn(Histories(storage), "a") as draft:
        State(draft).set(Walk.one, x=1)
    without = steps_of([Brief])
    async with Turns(Histories(storage), without).turn(KEY, "b", float) as draft:
        assert draft.step is None
        assert State(draft).data == {}
    assert "Walk.one, which this bot does not have" in caplog.text


async def test_a_state_that_cannot_be_kept_is_not_there(
    histories: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(histories, "a", x=1)
    with monkeypatch.context() as patched:

        async def refuse(*_: object) -> None:
            raise StateError("disk full")

        patched.setattr(MemoryStateStorage, "save", refuse)
        with pytest.raises(StateError, match="disk full"):
            await put(histories, "b", x=2)
    assert await seen(histories, "b") == {"x": 1, "step": None}
    await put(histories, "b", x=2)
    assert await seen(histories, "c") == {"x": 2, "step": None}


async def test_nothing_is_written_where_nothing_is_changed(
    histories: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(MemoryStateStorage, "save")
    async with turn(histories, "a") as draft:
        State(draft).clear()
    assert await seen(histories, "a") == {"step": None}


# Until when it is kept


class Recorded(MemoryStateStorage):
    def __init__(self) -> None:
        super().__init__()
        self.until: list[float | None] = []

    async def save(self, key: StateKey, state: bytes, until: float | None) -> None:
        self.until.append(until)
        await super().save(key, state, until)


async def test_it_is_kept_as_long_as_a_message_may_come_that_saw_it() -> None:
    storage = Recorded()
    histories = Histories(storage)
    now = time.time()
    async with turn(histories, "a", now) as draft:
        State(draft).set(Walk.one)
    async with turn(histories, "b", now) as draft:
        State(draft).set(Brief.asked)
    async with turn(histories, "c", now) as draft:
        State(draft).clear()
    week = 7 * 24 * 3600.0
    always, brief, none = storage.until
    assert always is None
    assert brief == pytest.approx(now + 60 + week, abs=20)
    assert none == pytest.approx(now + week, abs=20)


# Bounds


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40_000)), max_size=40))
def test_a_history_is_bounded_and_knows_what_it_kept(steps: list[tuple[bool, int]]) -> None:
    history = History()
    saw: dict[str, int] = {}
    made: dict[int, Version] = {0: NOTHING}
    for number, (changes, size) in enumerate(steps):
        name = str(number)
        saw[name] = history.seen_by(name)
        if changes:
            version = Version("", msgspec.Raw(b"x" * size), 0.0)
            history = history.changed(name, saw[name], version)
            made[history.newest] = version
        else:
            history.note(name, saw[name])
        assert history.size < HISTORY_LIMIT * 1.2
        for one, number_seen in saw.items():
            seen_now = history.seen_by(one)
            assert seen_now in (number_seen, history.newest)
            assert history.version(seen_now) == made[seen_now]


def test_the_messages_remembered_are_bounded() -> None:
    history = History()
    for number in range(2 * SEEN_LIMIT):
        history.note(f"look {number}", history.newest)
        history = history.changed(str(number), history.newest, Version("", NOTHING.data, number))
    assert history.size < 200_000
    last = 2 * SEEN_LIMIT - 1
    assert history.seen_by(str(last)) == last
    assert history.version(last).at == last - 1
    assert history.seen_by(str(last - SEEN_LIMIT // 2)) == history.newest  # long ago


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=3), max_size=5),
    st.booleans(),
)
def test_what_is_stored_is_read_again(changes: list[dict[str, int]], looks: bool) -> None:
    history = History()
    for number, fields in enumerate(changes):
        raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
        version = Change(fields=raw).applied_to(history.version(history.newest), float(number))
        history = history.changed(str(number), history.newest, version)
        if looks:
            history.note(f"look {number}", history.newest)
    read = History.decode(history.encode())
    assert read.encode() == history.encode()
    assert read.size == history.size


async def test_what_is_kept_and_no_history_is_an_error() -> None:
    storage = MemoryStateStorage()
    await storage.save(KEY, b"[0, [], {}]", None)
    with pytest.raises(StateError, match="cannot be read"):
        await seen(Histories(storage), "a")


async def test_histories_that_nobody_uses_go_when_there_are_too_many() -> None:
    storage = MemoryStateStorage()
    loaded: list[StateKey] = []

    class Counted(MemoryStateStorage):
        async def load(self, key: StateKey) -> bytes | None:
            loaded.append(key)
            return await storage.load(key)

    histories = Histories(Counted(), limit=3 * History().size)
    keys = [StateKey(str(number), "") for number in range(5)]
    for key in [*keys, keys[4], keys[3], keys[0]]:
        async with turn(histories, "a", key=key):
            pass
    assert loaded == [*keys, keys[0]]


async def test_what_is_forgotten_is_gone_also_while_it_is_in_use(histories: Histories) -> None:
    await put(histories, "a", x=1)
    other = StateKey("other", "conversation")
    async with turn(histories, "a", key=other) as draft:
        State(draft).update(x=1)
    async with turn(histories, "b") as draft:
        await histories.forget("user")
        State(draft).update(y=2)
    assert await seen(histories, "c") == {"y": 2, "step": None}
    await histories.forget("user")
    assert await seen(histories, "d") == {"step": None}
    async with turn(histories, "b", key=other) as draft:
        assert State(draft).data == {"x": 1}
