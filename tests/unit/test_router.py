"""Routers: the first handler that takes a message, in an order that can be told from the code."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from blazebot import Bot, F, Message, RegistrationError, Router, from_user
from blazebot.wire.content import (
    AccountTransfer,
    Content,
    ConversationChange,
    File,
    Image,
    Invalid,
    Post,
    Recall,
    SafeTransfer,
    Text,
    Transfer,
    Unknown,
)
from tests.routed import ALICE, GROUP, Routed, give, make_bot

BOB = "1b7ef298-9720-48c0-acb2-0c6a9b1748c2"


class Called:
    """Handlers that say who was called."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def by(self, name: str) -> Callable[[Message[Any]], Coroutine[Any, Any, None]]:
        async def handler(message: Message[Any]) -> None:
            self.names.append(name)

        return handler


@pytest.fixture
def called() -> Called:
    return Called()


@pytest.fixture
def bot() -> Bot:
    return make_bot()


async def test_the_first_whose_content_fits_takes_it(bot: Bot, called: Called) -> None:
    bot.on(Text, Unknown)(called.by("text or unknown"))
    bot.on(Content)(called.by("content"))
    await give(bot, "hi", Unknown("X", b""), Invalid("PLAIN_TEXT", b"", "bad"))
    assert called.names == ["text or unknown", "text or unknown", "content"]


async def test_nobody_takes_it(bot: Bot, called: Called) -> None:
    bot.on(Unknown)(called.by("unknown"))
    message = await Routed(bot).give("hi")
    assert called.names == []
    assert message.route is None


async def test_an_included_router_stands_where_it_was_included(bot: Bot, called: Called) -> None:
    early, late, inner = Router("early"), Router("late"), Router("inner")
    bot.on(Text, F.content.text == "first")(called.by("bot, before"))
    bot.include(early)
    bot.on(Text)(called.by("bot, between"))
    bot.include(late)
    early.on(Text, F.content.text.in_({"first", "second"}))(called.by("early"))
    early.include(inner)
    inner.on(Text, F.content.text == "third")(called.by("inner"))
    late.on(Text)(called.by("late, never"))
    late.on(Post)(called.by("late"))
    await give(bot, "first", "second", "third", "fourth", Post("#"))
    assert called.names == ["bot, before", "early", "inner", "bot, between", "late"]


async def test_filters_of_a_router_hold_for_all_in_it(bot: Bot, called: Called) -> None:
    admin, nested = Router("admin", from_user(BOB)), Router("nested", F.content.text == "nested")
    admin.include(nested)
    nested.on(Text)(called.by("nested"))
    admin.on(Text)(called.by("admin"))
    bot.include(admin)
    bot.on(Text)(called.by("anybody"))
    await give(bot, "nested", "hi", user_id=BOB)
    await give(bot, "nested", "hi")
    assert called.names == ["nested", "admin", "anybody", "anybody"]


async def test_a_fallback_takes_what_nothing_else_there_takes(bot: Bot, called: Called) -> None:
    shop = Router("shop", F.content.text.startswith("shop"))
    bot.fallback(called.by("fallback of the bot"))
    shop.fallback(called.by("fallback of the shop"))
    shop.on(Text, F.content.text == "shop open")(called.by("open"))
    bot.include(shop)
    bot.on(Text, F.content.text.in_({"hi", "shop"}))(called.by("hi"))
    await give(bot, "shop open", "shop", "hi", "other", Post("#"))
    assert called.names == [
        "open",
        "fallback of the shop",
        "hi",
        "fallback of the bot",
        "fallback of the bot",
    ]


async def test_a_router_is_shared_by_bots_and_knows_none_of_them(called: Called) -> None:
    shared, bots = Router("shared"), [make_bot(), make_bot()]
    seen: list[Bot] = []

    @shared.on(Text)
    async def take(message: Message[Text], bot: Bot) -> None:
        assert bot is message.bot
        seen.append(bot)

    for bot in bots:
        bot.include(shared)
        await give(bot, "hi")
    assert seen == bots


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("on_friend_added", "Hello"),
        ("on_transfer", AccountTransfer(snapshot_id=GROUP, asset_id=GROUP, amount=Decimal(6))),
        ("on_conversation_change", ConversationChange(action="JOIN")),
        ("on_recall", Recall(GROUP)),
        ("fallback", "hi"),
    ],
)
async def test_decorators_for_messages_stand_bare_or_take_filters(
    name: str, content: Content | str, called: Called
) -> None:
    async def is_bobs(message: Message[Any]) -> bool:
        return message.user_id == BOB

    def is_alices(message: Message[Any]) -> bool:
        return message.user_id == ALICE

    for given, taken in [
        ((), True),
        ((from_user(ALICE),), True),
        ((F.user_id == BOB,), False),
        ((lambda message: message.user_id == BOB,), False),
        ((is_alices,), True),
        ((is_bobs,), False),
        ((is_alices, F.user_id == BOB), False),
    ]:
        bot, handler = make_bot(), called.by("filters")
        assert getattr(bot, name)(*given)(handler) is handler
        await give(bot, content)
        assert called.names == ["filters"] * taken, given
        called.names.clear()
    bot, handler = make_bot(), called.by("bare")
    assert getattr(bot, name)(handler) is handler
    await give(bot, content, "another")
    assert called.names == (["bare"] * 2 if name == "fallback" else ["bare"])


@pytest.mark.parametrize(
    "name", ["on_startup", "on_shutdown", "on_receipt", "outer", "inner", "around_jobs", "job"]
)
def test_other_decorators_stand_bare_or_with_empty_parentheses(name: str) -> None:
    async def function(one: Any, two: Any) -> None: ...

    bare, empty = Router(), Router()
    assert getattr(bare, name)(function) is function
    assert getattr(empty, name)()(function) is function
    assert [len(one) for one in vars(bare.registered).values() if isinstance(one, list)] == [
        len(one) for one in vars(empty.registered).values() if isinstance(one, list)
    ]
    with pytest.raises(RegistrationError, match=r"F\.user_id is a filter, and no"):
        getattr(bare, name)(F.user_id)
    with pytest.raises(RegistrationError, match="5 is no function"):
        getattr(bare, name)(5)
    with pytest.raises(RegistrationError, match="takes the function alone"):
        getattr(bare, name)(function, function)


async def test_events_by_their_names(bot: Bot, called: Called) -> None:
    bot.on_friend_added(called.by("friend"))
    bot.on_transfer(called.by("transfer"))
    bot.on_conversation_change(called.by("change"))
    bot.on_recall(called.by("recall"))
    money: dict[str, Any] = {"snapshot_id": GROUP, "asset_id": GROUP, "amount": "1"}
    await give(
        bot,
        "Hello",
        "你好",
        "hello",
        AccountTransfer(**money),
        SafeTransfer(**money),
        ConversationChange(action="JOIN"),
        Recall(GROUP),
    )
    await give(bot, "Hello", conversation_id=GROUP)
    assert called.names == ["friend", "friend", "transfer", "transfer", "change", "recall"]


# What cannot be registered


def not_async(message: Message[Any]) -> None: ...


async def no_parameter() -> None: ...


async def keyword_only(*, message: Message[Text]) -> None: ...


async def for_images(message: Message[Image]) -> None: ...


async def for_images_and_files(message: Message[Image | File]) -> None: ...


async def for_transfers(message: Message[Transfer]) -> None: ...


async def on_no_type(receipt) -> None:  # type: ignore[no-untyped-def]
    """Takes anything."""


async def for_text_in_words(message: str) -> None: ...


@pytest.mark.parametrize(
    ("kinds", "handler", "words"),
    [
        ((Text,), not_async, "must be `async def`"),
        ((Text,), print, "must be `async def`"),
        ((Text,), no_parameter, "must take the message"),
        ((Text,), keyword_only, "must take the message"),
        ((Text,), for_images, r"takes Message\[.*Image\], but is registered for Text"),
        ((Text, File), for_images_and_files, "is registered for Text, File"),
        ((Content,), for_transfers, "is registered for Content"),
        ((Text,), for_text_in_words, "takes str"),
        ((str,), for_images, "no kind of content"),
    ],
)
def test_what_cannot_be_a_handler_is_named_with_its_place(
    kinds: tuple[Any, ...], handler: Any, words: str
) -> None:
    router: Any = Router()
    with pytest.raises(RegistrationError, match=words) as caught:
        router.on(*kinds)(handler)
    assert handler.__qualname__ in str(caught.value)
    assert ("test_router.py:" in str(caught.value)) == (handler is not print)


def test_on_and_command_without_parentheses_are_refused_and_not_forgotten(bot: Bot) -> None:
    untyped: Any = bot
    for register in (untyped.on, untyped.command):
        with pytest.raises(RegistrationError, match=r"write @bot\."):
            register(for_text)


def forgot_async(message: Message[Any]): ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (not_async, r"not_async \(.*test_router.py:\d+\) must be `async def`"),
        (forgot_async, "must be `async def`; a filter that is given alone must say `-> bool`"),
        (5, "5 is neither a function nor a filter"),
        (Transfer, "Transfer'> is neither a function nor a filter"),
    ],
)
def test_a_handler_is_never_taken_for_a_filter_and_forgotten(given: Any, words: str) -> None:
    router: Any = Router()
    with pytest.raises(RegistrationError, match=words):
        router.on_transfer(given)


def test_a_kind_among_the_filters_of_an_event_is_refused(bot: Bot) -> None:
    untyped: Any = bot
    with pytest.raises(RegistrationError, match="is no filter"):
        untyped.on_transfer(Text, F.user_id)(on_no_type)


def test_what_takes_the_content_is_told_to_take_its_message(bot: Bot) -> None:
    async def handler(message: Text) -> None: ...

    with pytest.raises(RegistrationError, match=r"annotate its message Message\[Text\]"):
        bot.on(Text)(handler)  # type: ignore[arg-type]


def test_a_filter_in_the_place_of_a_routers_name_is_refused() -> None:
    with pytest.raises(RegistrationError, match=r"no name of a router: write Router\(name, filter"):
        Router(F.content.text == "x")  # type: ignore[arg-type]


def test_a_handler_of_receipts_takes_receipts(bot: Bot) -> None:
    bot.on_receipt(on_no_type)
    with pytest.raises(RegistrationError, match="is registered for receipts"):
        bot.on_receipt(for_text)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["PLAIN_TEXT", Text("hi"), 5])
def test_what_is_neither_kind_nor_filter_is_refused(kind: Any) -> None:
    router: Any = Router()
    with pytest.raises(RegistrationError, match="is no filter"):
        router.on(Text, kind)(for_text)


async def for_text(message: Message[Text]) -> None: ...


def test_unions_bases_and_no_annotation_fit() -> None:
    async def whatever(message: Any) -> None: ...

    del whatever.__annotations__["message"]
    router = Router()
    router.on(Image)(for_images_and_files)
    router.on(Image, File)(for_images_and_files)
    router.on(SafeTransfer)(for_transfers)
    router.on(Content)(whatever)
    assert len(router.registered.entries) == 4


def test_a_router_includes_neither_itself_nor_anything_twice() -> None:
    one, two, three = Router("one"), Router("two"), Router("three")
    with pytest.raises(RegistrationError, match="Router one"):
        one.include(one)
    one.include(two)
    with pytest.raises(RegistrationError, match="Router two> is included already"):
        one.include(two)
    two.include(three)
    with pytest.raises(RegistrationError, match="Router one> cannot be included"):
        three.include(one)
    with pytest.raises(RegistrationError, match="is no router"):
        one.include(make_bot())  # type: ignore[arg-type]


def test_a_router_stands_once_in_a_bot(bot: Bot) -> None:
    one, two, shared = Router("one"), Router("two"), Router("shared")
    for router in (one, two):
        router.include(shared)
        bot.include(router)
    with pytest.raises(RegistrationError, match="Router shared> is included twice"):
        bot.check()


# Commands that are taken twice


def test_a_command_that_is_taken_twice_names_both_places(bot: Bot) -> None:
    other = Router("other")

    @bot.command("start", "help")
    async def first(message: Message[Text]) -> None: ...

    @other.command("HELP")
    async def second(message: Message[Text]) -> None: ...

    bot.include(other)
    with pytest.raises(RegistrationError, match="/help is taken twice") as caught:
        bot.check()
    words = str(caught.value)
    assert words.index("first (") < words.index("second (")
    assert words.count("test_router.py:") == 2


def test_the_same_command_under_other_conditions_is_another(bot: Bot) -> None:
    admin = Router("admin", from_user(ALICE))
    admin.command("help")(for_text)
    bot.include(admin)
    bot.command("help", F.quote_message_id)(for_text)
    bot.command("help")(for_text)
    bot.command("help", prefix="!")(for_text)
    bot.check()


def test_a_command_behind_one_that_takes_all_of_it_is_refused(bot: Bot) -> None:
    admin = Router("admin", from_user(ALICE))
    admin.command("help")(for_text)
    bot.command("help")(for_text)
    bot.include(admin)
    with pytest.raises(RegistrationError, match="/help is taken twice"):
        bot.check()


@pytest.mark.parametrize("names", [(), ("",), ("two words",), ("/help",)])
def test_what_cannot_be_a_command(bot: Bot, names: tuple[str, ...]) -> None:
    with pytest.raises(RegistrationError, match="command"):
        bot.command(*names)


def test_what_cannot_be_a_prefix(bot: Bot) -> None:
    with pytest.raises(RegistrationError, match="prefix"):
        bot.command("help", prefix=" /")


def test_what_is_no_regular_expression(bot: Bot) -> None:
    with pytest.raises(RegistrationError, match="no regular expression"):
        bot.regex("(")


# Handlers of errors


async def on_value(message: Message[Content], error: ValueError) -> None: ...


async def on_any(message: Message[Content], error: Exception) -> None: ...


def test_handlers_of_errors_are_for_the_errors_that_they_take(bot: Bot) -> None:
    untyped: Any = bot
    bot.on_error(on_any)
    bot.on_error()(on_any)
    bot.on_error(ValueError, KeyError)(on_any)
    bot.on_error(UnicodeError)(on_value)
    for kinds in ((int,), (KeyError, F.user_id)):
        with pytest.raises(RegistrationError, match="no type of error"):
            untyped.on_error(*kinds)(on_any)
    with pytest.raises(RegistrationError, match=r"F\.user_id is a filter, and no handler"):
        untyped.on_error(F.user_id)
    bot.on_error(KeyError)(on_value)  # type: ignore[arg-type]
    with pytest.raises(RegistrationError, match=r"takes ValueError.*KeyError"):
        bot.check()
