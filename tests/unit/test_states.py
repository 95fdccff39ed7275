"""Steps as filters, the state that a handler gets, and what is refused before a start."""

from __future__ import annotations

import inspect
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from blazebot import (
    Bot,
    F,
    MemoryStateStorage,
    Message,
    Receipt,
    RegistrationError,
    Router,
    State,
    StateChanged,
    StateError,
    States,
    Step,
    Text,
    at_step,
    in_group,
)
from blazebot.bot.states.history import Version
from blazebot.bot.states.state import DATA_LIMIT, Draft
from blazebot.errors import NotRunning
from tests.routed import ALICE, GROUP, Routed, make_bot, make_message

HERE = Path(__file__).name


class Survey(States):
    name = Step()
    age = Step()


class Order(States):
    dish = Step()


class Answers(msgspec.Struct, frozen=True, rename={"age": "a"}):
    name: str = ""
    age: int = 0
    asked: datetime | None = None


def line() -> int:
    """The line of the test from which this is called."""
    frame = sys._getframe(1)
    return frame.f_lineno


class Talk:
    """A bot that is given messages and keeps states in memory."""

    def __init__(self, bot: Bot, directory: Path) -> None:
        self.bot = bot
        bot.states.keep(MemoryStateStorage(), per=bot.states._per)
        routing = Routed(bot).routing
        bot.states.learn(routing.injector.used)
        bot.states.open(directory)
        self._run = bot.states.around(routing.injector.run)
        self._find = routing.root.run

    async def say(self, text: str, **fields: Any) -> None:
        await self._run(make_message(self.bot, text, **fields), self._find)


@pytest.fixture
def bot() -> Bot:
    return make_bot()


# Steps


async def test_a_step_is_a_filter_and_combines(bot: Bot, tmp_path: Path) -> None:
    taken: list[str] = []

    @bot.command("cancel", at_step())
    async def cancel(message: Message[Text], state: State) -> None:
        taken.append(f"cancel {state.step}")
        state.clear()

    @bot.on(Text, Survey.name)
    async def name(message: Message[Text], state: State) -> None:
        taken.append(f"name {message.content.text}")
        state.set(Survey.age, name=message.content.text)

    @bot.on(Text, Survey.age & F.content.text.isdecimal())
    async def age(message: Message[Text], state: State) -> None:
        taken.append(f"age {message.content.text} of {state.data['name']}")
        state.set(Order.dish)

    @bot.on(Text, at_step(Survey))
    async def again(message: Message[Text]) -> None:
        taken.append("again")

    @bot.on(Text, ~at_step())
    async def begin(message: Message[Text], state: State) -> None:
        taken.append("begin")
        state.set(Survey.name)

    @bot.on(Text, Order.dish | Survey.name)
    async def order(message: Message[Text], state: State) -> None:
        taken.append(f"order {dict(state.data)}")

    talk = Talk(bot, tmp_path)
    for text in ("hi", "Ann", "old", "30", "soup", "/cancel", "hi"):
        await talk.say(text)
    assert taken == [
        "begin",
        "name Ann",
        "again",
        "age 30 of Ann",
        "order {'name': 'Ann'}",
        "cancel <Step Order.dish>",
        "begin",
    ]


async def test_whose_state_it_is(tmp_path: Path) -> None:
    async def steps(per: Any) -> list[bool]:
        bot = make_bot()
        bot.states.keep(per=per)
        found: list[bool] = []

        @bot.on(Text)
        async def take(message: Message[Text], state: State) -> None:
            found.append("x" in state.data)
            state.update(x=1)

        talk = Talk(bot, tmp_path)
        bob = "00000000-0000-4000-8000-00000000000b"
        await talk.say("x")
        await talk.say("x", user_id=ALICE.upper())
        await talk.say("x", conversation_id=GROUP)
        await talk.say("x", conversation_id=GROUP, user_id=bob)
        return found

    assert await steps("participant") == [False, True, False, False]
    assert await steps("person") == [False, True, True, False]
    assert await steps("conversation") == [False, True, False, True]


# What is refused


def test_a_step_that_there_is_not_is_named_with_its_place() -> None:
    with pytest.raises(RegistrationError) as refused:
        _ = Survey.nmae  # type: ignore[attr-defined]
    words = f"{HERE}:{line() - 1}: there is no step Survey.nmae; there is Survey.name, Survey.age"
    assert str(refused.value).endswith(words)
    assert not hasattr(Survey, "nothing")
    assert not hasattr(Survey, "__wrapped__")


def test_a_step_without_a_group(bot: Bot) -> None:
    step, where = Step(), line()

    @bot.on(Text, step)
    async def take(message: Message[Text]) -> None: ...

    with pytest.raises(RegistrationError, match=f"{HERE}:{where} belongs to no group"):
        bot.check()


def test_a_step_of_another_group() -> None:
    with pytest.raises(RegistrationError, match=rf"{HERE}:\d+: More.age is Survey.age \(.*{HERE}"):

        class More(States):
            age = Survey.age

    with pytest.raises(RegistrationError, match=r"Twice.b is Twice.a"):

        class Twice(States):
            a = b = Step()


def test_a_step_that_was_not_made() -> None:
    with pytest.raises(RegistrationError, match=r"Wrong.name is no step: write name = Step\(\)"):

        class Wrong(States):
            name = Step


@pytest.mark.parametrize("after", [5, timedelta(0)])
def test_a_time_that_is_none(after: Any) -> None:
    with pytest.raises(RegistrationError, match="forget_after should be a timedelta above 0"):

        class Wrong(States, forget_after=after):
            name = Step()


def test_two_groups_of_one_name(bot: Bot) -> None:
    def another() -> type[States]:
        class Survey(States):
            name = Step()

        return Survey

    router = Router("other", at_step(another()))

    @router.on(Text, Survey.name)
    async def take(message: Message[Text]) -> None: ...

    bot.include(router)
    with pytest.raises(RegistrationError) as refused:
        bot.check()
    assert "two groups of steps are called Survey" in str(refused.value)
    assert str(refused.value).count(HERE) >= 2


@pytest.mark.parametrize("group", [Survey.name, Answers, "Survey"])
def test_what_is_no_group(group: Any) -> None:
    with pytest.raises(RegistrationError, match="no class of States"):
        at_step(group)


class Mutable(msgspec.Struct):
    name: str = ""


class Bare(msgspec.Struct, frozen=True):
    name: str


class Listed(msgspec.Struct, frozen=True, array_like=True):
    name: str = ""


def where(kind: type) -> str:
    return f"{HERE}:{inspect.getsourcelines(kind)[1]}"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Mutable, "frozen=True"),
        (Bare, "each field needs a default.*name"),
        (Listed, "each field needs a default"),
    ],
)
def test_a_class_of_data_that_cannot_be_one(bot: Bot, kind: type, words: str) -> None:
    async def take(message: Message[Text], state: State[Answers]) -> None: ...

    take.__annotations__["state"] = State[kind]  # type: ignore[valid-type]
    bot.on(Text)(take)
    with pytest.raises(RegistrationError, match=rf"{where(kind)}: .*{words}"):
        bot.check()


@pytest.mark.parametrize("annotation", [State[int], State[dict[str, str]], "State[Unknown]"])
def test_data_that_is_no_struct(bot: Bot, annotation: Any) -> None:
    async def take(message: Message[Text], state: State) -> None: ...

    take.__annotations__["state"] = annotation
    bot.on(Text)(take)
    with pytest.raises(RegistrationError):
        bot.check()


def test_where_there_is_no_message_there_is_no_state(bot: Bot) -> None:
    @bot.on_receipt
    async def take(receipt: Receipt, state: State) -> None: ...

    with pytest.raises(RegistrationError, match="state: State, which nothing provides here"):
        bot.check()


def test_per_what_there_is_not(bot: Bot) -> None:
    with pytest.raises(RegistrationError, match="per should be one of"):
        bot.states.keep(per=cast("Any", "user"))


# What a handler gets


def draft(**data: Any) -> Draft:
    """A draft of who is at no step and has this data."""
    steps = {step.name: step for step in (Survey.name, Survey.age)}
    return Draft(Version("", msgspec.Raw(msgspec.json.encode(data))), steps)


def test_what_is_put_is_there_at_once() -> None:
    one = draft(old=1)
    state = State(one)
    state.set(Survey.name, name="Ann", pets=("cat", "dog"), state=1, step=2)
    state.update(old=None)
    assert state.step is Survey.name
    assert state.data == {
        **{"old": None, "name": "Ann", "pets": ["cat", "dog"]},
        **{"state": 1, "step": 2},
    }
    state.set(Survey.age)
    state.clear()
    assert (f"{state.step}", dict(state.data)) == ("None", {})
    state.update(new=1)
    assert (f"{state.step}", dict(state.data)) == ("None", {"new": 1})


def test_data_is_a_copy() -> None:
    state = State(draft(pets=["cat"]))
    with pytest.raises(TypeError):
        state.data["name"] = "Ann"  # type: ignore[index]
    state.data["pets"].append("dog")
    assert state.data == {"pets": ["cat"]}


def test_data_of_a_class() -> None:
    one = draft(other=1)
    state: State[Answers] = State(one, Answers)
    assert state.data == Answers()
    asked = datetime(2026, 1, 2, 3, 4)
    state.update(name="Ann", age=30, asked=asked)
    assert state.data == Answers("Ann", 30, asked)
    assert State(one).data == {"other": 1, "name": "Ann", "a": 30, "asked": "2026-01-02T03:04:00"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"age": "old"}, r"no Answers: Expected `int`, got `str` - at `\$.a`"),
        ({"size": 5}, "Answers has no field size; it has name, age, asked"),
        ({"name": None}, "Expected `str`"),
    ],
)
def test_what_does_not_fit_the_class(fields: dict[str, Any], words: str) -> None:
    one = draft(name="Ann")
    state: State[Answers] = State(one, Answers)
    with pytest.raises(StateError, match=words):
        state.update(**fields)
    assert one.change is None


def test_data_that_was_of_another_class() -> None:
    state: State[Answers] = State(draft(a="thirty"), Answers)
    with pytest.raises(StateError, match="no Answers"):
        _ = state.data
    state.clear()
    assert state.data == Answers()


loop: list[Any] = []
loop.append(loop)


@pytest.mark.parametrize(
    "value", [object(), 1j, {1, object()}, "\ud800", loop, {(1, 2): 3}, Survey.age]
)
def test_what_json_does_not_have(value: Any) -> None:
    with pytest.raises(StateError, match="pets: cannot be kept as JSON"):
        State(draft()).update(pets=value)


def test_too_much_data() -> None:
    one = draft()
    state = State(one)
    state.update(x="x" * (DATA_LIMIT - 100))
    with pytest.raises(StateError, match=f"{DATA_LIMIT} are allowed"):
        state.set(Survey.name, y="y" * 100)
    assert (state.step, list(state.data)) == (None, ["x"])


@pytest.mark.parametrize("step", [Order.dish, Step(), "name", None, Survey])
def test_a_step_that_nobody_takes(step: Any) -> None:
    with pytest.raises(StateError, match="no step that this bot knows"):
        State(draft()).set(step)


def test_what_people_said_is_not_in_a_repr() -> None:
    state = State(draft(pin="1234"))
    assert repr(state) == "<State at no step>"
    state.set(Survey.name)
    assert repr(state) == "<State Survey.name>"


# Of others


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def test_where_nothing_asks_for_states_there_is_nothing(bot: Bot, tmp_path: Path) -> None:
    @bot.on(Text, in_group)
    async def take(message: Message[Text]) -> None: ...

    routing = Routed(bot).routing
    bot.states.learn(routing.injector.used)
    bot.states.open(tmp_path)
    assert bot.states.around(routing.injector.run) == routing.injector.run
    assert not names(tmp_path)
    async with bot.states.of(ALICE) as state:  # but now
        state.update(x=1)
    await bot.states.close()
    assert names(tmp_path) == ["states.db"]


async def test_the_state_of_somebody(bot: Bot, tmp_path: Path) -> None:
    seen: list[Any] = []

    @bot.on(Text)
    async def take(message: Message[Text], state: State[Answers]) -> None:
        seen.append(state.data.name)
        async with bot.states.of(message.user_id, Answers) as same:
            same.update(age=same.data.age + 1)
        state.update(name=message.content.text)
        if message.content.text == "Bob" and seen.count("Ann") == 1:
            raise ValueError("once")

    talk = Talk(bot, tmp_path)
    async with bot.states.of(ALICE.upper()) as state:
        state.update(name="Al")
    await talk.say("Ann")
    with pytest.raises(ValueError, match="once"):
        await talk.say("Bob", message_id="11111111-1111-4111-8111-111111111111")
    await talk.say("Bob", message_id="11111111-1111-4111-8111-111111111111")
    assert seen == ["Al", "Ann", "Ann"]
    async with bot.states.of(ALICE, Answers) as final:
        assert final.data == Answers("Bob", 2)  # the try that failed counts, and only once
    async with bot.states.of(ALICE, conversation_id=GROUP) as other:
        assert not other.data
    await bot.states.forget(ALICE)
    async with bot.states.of(ALICE) as gone:
        assert not gone.data


async def test_a_state_is_changed_only_as_it_was(bot: Bot, tmp_path: Path) -> None:
    @bot.on(Text)
    async def take(message: Message[Text], state: State) -> None:
        state.update(said=message.content.text)

    talk = Talk(bot, tmp_path)

    async def note(words: str, **how: Any) -> None:
        async with bot.states.of(ALICE, **how) as state:
            await talk.say(words)
            state.update(by="operator")

    with pytest.raises(StateChanged):
        await note("me first", if_unchanged=True)
    async with bot.states.of(ALICE) as state:
        assert state.data == {"said": "me first"}
    await note("and again")
    async with bot.states.of(ALICE, if_unchanged=True) as state:
        assert state.data == {"said": "and again", "by": "operator"}
        state.update(by="nobody")
    async with bot.states.of(ALICE) as state:
        assert state.data["by"] == "nobody"


async def test_what_is_no_id(bot: Bot, tmp_path: Path) -> None:
    bot.states.open(tmp_path)
    for user_id, conversation_id in (("alice", None), (ALICE, "group")):
        with pytest.raises(StateError, match="is a UUID"):
            async with bot.states.of(user_id, conversation_id=conversation_id):
                pass


async def test_states_of_a_bot_that_does_not_run(bot: Bot) -> None:
    with pytest.raises(NotRunning):
        await bot.states.forget(ALICE)
    with pytest.raises(NotRunning):
        async with bot.states.of(ALICE):
            pass


def test_where_they_are_kept_is_settled_before_the_start(bot: Bot, tmp_path: Path) -> None:
    bot.states.open(tmp_path)
    with pytest.raises(RegistrationError, match="too late"):
        bot.states.keep()
