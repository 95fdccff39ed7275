"""What handlers get by the annotations of their parameters, and what is refused before a start."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Optional

import pytest

from blazebot import (
    Bot,
    Command,
    Content,
    Message,
    Provider,
    Receipt,
    RegistrationError,
    RestClient,
    Text,
    User,
)
from blazebot.bot.profiles import PROFILES_KEPT, Profiles
from tests.routed import ALICE, Routed, give, make_bot, make_message

if TYPE_CHECKING:
    from decimal import Decimal


class Database:
    def __init__(self, name: str = "main") -> None:
        self.name = name


class Session:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.is_open = True


class Unheard:
    pass


@pytest.fixture
def bot() -> Bot:
    return make_bot()


class MyBot(Bot):
    pass


# What there is


async def test_values_are_found_by_type_wherever_the_parameter_stands(bot: Bot) -> None:
    taken: list[Any] = []
    database = Database()
    bot.provide(database)

    @bot.command("x")
    async def take(
        message: Message[Text], command: Command, /, *, data: Annotated[Database, "x"], me: Bot
    ) -> None:
        taken.extend((message.content, command.name, data, me))

    with pytest.raises(RegistrationError, match="positional-only parameter command"):
        bot.check()
    bot = make_bot()
    bot.provide(database)

    @bot.command("x")
    async def take_them(
        message: Message[Text], /, command: Command, *, data: Annotated[Database, "x"], me: Bot
    ) -> None:
        taken.extend((message.content, command.name, data, me))

    await give(bot, "/x")
    assert taken == [Text("/x"), "x", database, bot]


def test_a_bot_of_a_class_of_its_own_is_both() -> None:
    bot = MyBot(make_bot().keystore)

    @bot.on(Text)
    async def take(message: Message[Text], one: Bot, other: MyBot) -> None: ...

    bot.check()


async def test_an_optional_parameter_and_one_with_a_default(bot: Bot) -> None:
    taken: list[Any] = []
    bot.provide(Database())

    @bot.on(Text)
    async def take(
        message: Message[Text],
        one: Optional[Database],  # noqa: UP045 - people write it so
        two: Unheard | None = None,
        three: int = 5,
    ) -> None:
        taken.extend((one, two, three))

    await give(bot, "x")
    assert isinstance(taken[0], Database)
    assert taken[1:] == [None, 5]


def test_an_optional_parameter_that_nothing_provides_is_a_mistake(bot: Bot) -> None:
    @bot.on(Text)
    async def take(message: Message[Text], one: Unheard | None) -> None: ...

    with pytest.raises(RegistrationError, match="one: Unheard, which nothing provides"):
        bot.check()


# Factories


async def test_a_factory_is_called_once_for_a_message_and_only_if_asked(bot: Bot) -> None:
    made: list[Session] = []
    taken: list[Any] = []

    def make(database: Database, message: Message[Content]) -> Session:
        assert message.id
        made.append(Session(database))
        return made[-1]

    async def looked_at(message: Message[Text], session: Session) -> bool:
        return session.is_open

    bot.provide(Session, make)
    bot.provide(Database("main"))
    bot.provide(int, lambda: 1 // 0)  # nobody asks for it

    @bot.on(Text, looked_at)
    async def take(message: Message[Text], session: Session) -> None:
        taken.append(session)

    await give(bot, "one", "two")
    assert taken == made
    assert len(made) == 2


async def test_an_async_factory_and_a_class_as_one(bot: Bot) -> None:
    taken: list[Any] = []

    async def make() -> Database:
        return Database("async")

    bot.provide(Database, make)
    bot.provide(Session, Session)

    @bot.on(Text)
    async def take(message: Message[Text], session: Session) -> None:
        taken.append(session.database.name)

    await give(bot, "x")
    assert taken == ["async"]


async def opened(database: Database, events: list[str]) -> AsyncIterator[Session]:
    session = Session(database)
    try:
        yield session
    except ValueError:
        events.append("rolled back")
        raise
    else:
        events.append("committed")
    finally:
        session.is_open = False


@pytest.mark.parametrize("factory", [opened, asynccontextmanager(opened)])
async def test_what_a_factory_opens_is_closed_after_the_handler(
    bot: Bot, factory: Callable[..., Any]
) -> None:
    events: list[str] = []
    bot.provide(Database())
    bot.provide(list[str], lambda: events)
    bot.provide(Session, factory)

    @bot.on(Text)
    async def take(message: Message[Text], session: Session) -> None:
        assert session.is_open
        events.append(message.content.text)
        if message.content.text == "bad":
            raise ValueError("no")

    await give(bot, "good")
    with pytest.raises(ValueError, match="no"):
        await give(bot, "bad")
    assert events == ["good", "committed", "bad", "rolled back"]


async def test_a_factory_without_a_message_serves_a_start_too(bot: Bot) -> None:
    taken: list[Any] = []
    bot.provide(Database, Database)

    @bot.on_startup
    async def start(database: Database, me: Bot) -> None:
        taken.append(me)

    await Routed(bot).start()
    assert taken == [bot]


class Words(Provider):
    """Provides each ``dict`` of words by the type of its values."""

    def factory_for(self, annotation: object) -> Callable[..., Any] | None:
        if annotation == dict[str, bytes]:
            raise RegistrationError("bytes are no words")
        return (lambda: {"a": 1}) if annotation == dict[str, int] else None


async def test_a_provider_may_serve_many_types(bot: Bot) -> None:
    taken: list[Any] = []
    bot.provide(Words(dict[str, Any], dict))

    @bot.on(Text)
    async def take(message: Message[Text], words: dict[str, int]) -> None:
        taken.append(words)

    await give(bot, "x")
    assert taken == [{"a": 1}]

    @bot.on(Text)
    async def refuse(message: Message[Text], words: dict[str, bytes]) -> None: ...

    with pytest.raises(RegistrationError, match="bytes are no words"):
        bot.check()


# What is refused, before anything connects


async def without_annotation(message: Message[Text], thing) -> None: ...  # type: ignore[no-untyped-def]


async def unheard_of(message: Message[Text], thing: Unheard) -> None: ...


async def for_no_type(message: Message[Text], thing: 5 + 5) -> None: ...  # type: ignore[valid-type]


async def for_a_list(message: Message[Text], thing: [int]) -> None: ...  # type: ignore[valid-type, misc]


async def only_for_checkers(message: Message[Text], amount: Decimal) -> None: ...


async def misspelt(message: Message[Text], data: Databse) -> None: ...  # type: ignore[name-defined]  # noqa: F821


async def misspelt_attribute(message: Message[Text], data: functools.Nothing) -> None: ...  # type: ignore[name-defined]


async def twice(message: Message[Text], one: Bot, two: Bot | None) -> None: ...


async def variadic(message: Message[Text], *more: Bot) -> None: ...


async def named(message: Message[Text], **more: Bot) -> None: ...


async def of_a_receipt(message: Message[Text], receipt: Receipt) -> None: ...


async def narrower(message: Message[Text], again: Message[Text]) -> None: ...


async def command(message: Message[Text], command: Command) -> None: ...


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (without_annotation, "parameter thing without annotation"),
        (unheard_of, "thing: Unheard, which nothing provides"),
        (unheard_of, r"There is Bot, .*RestClient.*User.*; bot\.provide"),
        (for_no_type, "thing: 10, which nothing provides"),
        (for_a_list, r"thing: \[int\], which is no type"),
        (only_for_checkers, "no 'Decimal' at run time.*TYPE_CHECKING"),
        (misspelt, "no 'Databse' at run time"),
        (misspelt_attribute, "data: functools.Nothing, which is no type"),
        (twice, "two parameters for Bot: one and two"),
        (variadic, "functools.wraps"),
        (named, "functools.wraps"),
        (of_a_receipt, "receipt: Receipt, which nothing provides"),
        (narrower, r"again: Message\[Text\], which nothing provides"),
        (command, "command: Command, which nothing provides"),
    ],
)
def test_a_wrong_handler_is_named_with_its_place(bot: Bot, handler: Any, words: str) -> None:
    bot.on(Text)(handler)
    with pytest.raises(RegistrationError, match=words) as caught:
        bot.check()
    assert f"handler {handler.__name__} (" in str(caught.value)
    assert "test_injection.py:" in str(caught.value)


async def test_a_wrapped_handler_shows_what_it_wraps(bot: Bot) -> None:
    taken: list[Any] = []

    def logged(handler: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
        @functools.wraps(handler)
        async def wrapper(*given: Any, **more: Any) -> None:
            taken.append("before")
            await handler(*given, **more)

        return wrapper

    @bot.on(Text)
    @logged
    async def take(message: Message[Text], me: Bot) -> None:
        taken.append(me)

    await give(bot, "x")
    assert taken == ["before", bot]


def test_a_start_has_no_message(bot: Bot) -> None:
    @bot.on_startup
    async def start(user: User) -> None: ...

    with pytest.raises(RegistrationError, match="user: User, which nothing") as caught:
        bot.check()
    there_is = str(caught.value).partition("There is")[2]
    assert "RestClient" in there_is
    assert "User" not in there_is


def yields_its_value() -> Iterator[Database]:
    yield Database()


def needs_itself(session: Session) -> Database:
    return session.database


def needs_unheard(thing: Unheard) -> Session:
    raise AssertionError


def needs_texts(message: Message[Text]) -> Session:
    raise AssertionError


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (yields_its_value, "factory yields_its_value .* make it `async def`"),
        (needs_itself, "needs, in the end, itself: Session -> Database -> Session"),
        (needs_unheard, "factory needs_unheard .*thing: Unheard"),
        (needs_texts, r"message: Message\[Text\], which nothing provides"),
    ],
)
def test_a_wrong_factory_is_named_though_nobody_asks(bot: Bot, factory: Any, words: str) -> None:
    bot.provide(Session, Session if factory is needs_itself else factory)
    bot.provide(Database, needs_itself if factory is needs_itself else Database)
    with pytest.raises(RegistrationError, match=words):
        bot.check()


def test_each_type_is_provided_once_by_an_object(bot: Bot) -> None:
    bot.provide(Database())
    with pytest.raises(RegistrationError, match="Database is provided already"):
        bot.provide(Database, Database)
    with pytest.raises(RegistrationError, match="Bot is provided already"):
        bot.provide(bot)
    with pytest.raises(RegistrationError, match="pass an object of this type"):
        bot.provide(Session)
    with pytest.raises(RegistrationError, match="5 is no factory"):
        bot.provide(Session, 5)  # type: ignore[call-overload]


# Profiles


class Rest(RestClient):
    """Answers without a service."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def user(self, user_id: str) -> User:
        self.asked.append(user_id)
        return User(user_id=user_id)


async def test_a_profile_is_kept_for_its_time_and_memory_is_bounded(bot: Bot) -> None:
    rest, profiles = Rest(), Profiles(60, bot.clock)
    message = make_message(bot, "x")
    for offset in (0, 55, 60, 61):
        bot.clock.move(offset)
        assert (await profiles.sender(message, rest)).user_id == ALICE
    assert len(rest.asked) == 2
    for number in range(PROFILES_KEPT):
        await profiles.sender(make_message(bot, "x", user_id=str(number)), rest)
    assert len(profiles._kept) == PROFILES_KEPT
    await profiles.sender(message, rest)
    assert rest.asked.count(ALICE) == 3
