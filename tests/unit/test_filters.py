"""Filters: what fits, what is handed over, and the expressions of F."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot import (
    Bot,
    Command,
    F,
    Filter,
    Image,
    Message,
    RegistrationError,
    Router,
    Text,
    encrypted,
    from_user,
    in_contact,
    in_group,
    matches,
    quoted,
)
from blazebot.bot.filters import FilterLike, as_filter
from blazebot.wire.content import Content, Location
from tests.routed import ALICE, GROUP, Routed, give, make_bot, make_message


@pytest.fixture
def bot() -> Bot:
    return make_bot()


async def fits(filter_: FilterLike, content: Content | str = "hi", **fields: Any) -> bool:
    """Whether a message fits, as a bot finds it."""
    bot = make_bot()

    @bot.on(Content, filter_)
    async def take(message: Message[Content]) -> None: ...

    return (await Routed(bot).give(content, **fields)).route is not None


class Word(str):
    __slots__ = ()


class Count(int):
    pass


# Ready ones


async def test_ready_filters() -> None:
    assert await fits(from_user(GROUP, ALICE.upper()))
    assert not await fits(from_user(GROUP))
    assert not await fits(from_user())
    assert await fits(in_contact)
    assert not await fits(in_group)
    assert await fits(in_group, conversation_id=GROUP)
    assert not await fits(in_contact, conversation_id=GROUP)
    assert await fits(quoted, quote_message_id=GROUP)
    assert not await fits(quoted)
    assert await fits(encrypted, category="ENCRYPTED_TEXT")
    assert not await fits(encrypted)


def test_what_is_no_user_id_is_refused() -> None:
    with pytest.raises(RegistrationError, match="'alice'"):
        from_user(ALICE, "alice")


# Any callable


def is_long(message: Message[Content]) -> bool:
    return isinstance(message.content, Text) and len(message.content.text) > 5


async def is_slow(message: Message[Content]) -> bool:
    await asyncio.sleep(0)
    return is_long(message)


class IsLong:
    def __call__(self, message: Message[Content]) -> bool:
        return is_long(message)


@pytest.mark.parametrize(
    "filter_", [is_long, is_slow, IsLong(), lambda message: is_long(message) and 1, Filter(is_slow)]
)
async def test_any_callable_is_a_filter(filter_: FilterLike) -> None:
    assert await fits(filter_, "long enough")
    assert not await fits(filter_, "short")


async def test_filters_combine_with_callables_on_either_side() -> None:
    assert await fits(F.user_id & is_long, "long enough")
    assert not await fits(is_long & F.user_id, "short")
    assert await fits(is_long | F.user_id, "short")
    assert not await fits(~(F.user_id | is_slow), "short")


@pytest.mark.parametrize("filter_", [5, "text", None, Text("hi")])
def test_what_cannot_be_called_is_no_filter(bot: Bot, filter_: FilterLike) -> None:
    with pytest.raises(RegistrationError, match="is no filter"):
        bot.on(Text, filter_)(take_text)


async def take_text(message: Message[Text]) -> None: ...


def for_images(message: Message[Image]) -> bool:
    return message.content.width > 100


def without_message() -> bool:
    return True


def returning_none(message: Message[Content]) -> None: ...


def asking_for_more(message: Message[Content], count: Count) -> bool:
    return bool(count)


@pytest.mark.parametrize(
    ("filter_", "words"),
    [
        (for_images, r"takes Message\[Image\], but is to look at Text"),
        (without_message, "must take the message"),
        (returning_none, "returns None"),
        (asking_for_more, "count: Count, which nothing provides"),
    ],
)
def test_what_cannot_be_a_filter_is_named_when_the_bot_starts(
    bot: Bot, filter_: FilterLike, words: str
) -> None:
    bot.on(Text, ~as_filter(filter_) | F.user_id)(take_text)
    with pytest.raises(RegistrationError, match=words) as caught:
        bot.check()
    assert f"filter {getattr(filter_, '__name__', '')} (" in str(caught.value)
    assert "test_filters.py:" in str(caught.value)


async def test_a_coroutine_is_not_taken_for_true() -> None:
    with pytest.raises(RegistrationError, match="make it `async def`"):
        await fits(lambda message: is_slow(message) or True)


# & | ~ mean what they say: against Python's own operators, with filters async and not

TREES = st.recursive(
    st.tuples(st.booleans(), st.booleans()),  # a filter: is it async, does it fit
    lambda trees: st.one_of(
        st.tuples(st.just("&"), trees, trees),
        st.tuples(st.just("|"), trees, trees),
        st.tuples(st.just("~"), trees),
    ),
    max_leaves=8,
)


def built(tree: Any) -> Filter:
    match tree:
        case ("&", one, other):
            return built(one) & built(other)
        case ("|", one, other):
            return built(one) | built(other)
        case ("~", one):
            return ~built(one)
        case (waits, value):

            async def slow(message: Message[Content]) -> bool:
                return bool(value)

            return as_filter(slow if waits else lambda message: value)
    raise AssertionError(tree)


def meant(tree: Any) -> bool:
    match tree:
        case ("&", one, other):
            return meant(one) and meant(other)
        case ("|", one, other):
            return meant(one) or meant(other)
        case ("~", one):
            return not meant(one)
    return bool(tree[1])


@given(TREES)
def test_combined_filters_mean_what_python_means(tree: Any) -> None:
    assert asyncio.run(fits(built(tree))) == meant(tree)


# F


async def test_expressions() -> None:
    for expression, expected in (
        (F.content.text == "Hi there", True),
        (F.content.text != "Hi there", False),
        (F.content.text.lower().startswith("hi"), True),
        (F.content.text.split()[1] == "there", True),
        (F.content.text.split()[2] == "there", False),
        (F.content.text.len() >= 8, True),
        (F.content.text.len() < 8, False),
        (F.content.text.contains("i t"), True),
        (F.content.text.in_({"Hi there", "x"}), True),
        (F.content.text.in_([[]]), False),
        (F.user_id == ALICE, True),
        (F.user_id == F.view.user_id, True),
        (F.user_id == F.content.text, False),
        (F.user_id > 5, False),
        (F.quote_message_id, False),
        ((F.user_id == ALICE) & (F.content.text == "x"), False),
        ((F.user_id == ALICE) | (F.content.text == "x"), True),
        (~(F.content.text == "x"), True),
    ):
        assert await fits(expression, "Hi there") == expected, expression


async def test_what_is_missing_does_not_fit() -> None:
    for expression in (F.content.width > 100, F.content.width != 5, F.nothing, F.id.nothing.at.all):
        assert not await fits(expression)
        assert await fits(~expression)
    assert await fits(F.content.longitude > 5.0, Location(longitude=6.0, latitude=0.0))


def test_an_expression_cannot_be_looked_through() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        list(F.content.text)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        "x" in F.content.text  # type: ignore[operator] # noqa: B015


def test_an_expression_shows_itself_and_is_no_condition() -> None:
    shown = "(F.content.text.lower() == 'x')"
    assert repr(F.content.text.lower() == "x") == shown
    assert repr(~F.a["b"].in_([1])) == "~F.a['b'].in_([1])"
    with pytest.raises(TypeError, match="not by and"):
        bool(F.user_id)


VALUES = st.one_of(st.integers(), st.text(), st.none(), st.lists(st.integers()))


@given(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), VALUES, VALUES)
def test_comparisons_mean_what_python_means_or_do_not_fit(sign: str, left: Any, right: Any) -> None:
    expression = eval(f"F.handed['x'] {sign} right", {"F": F, "right": right})  # noqa: S307
    message = make_message(make_bot(), "hi")
    message.handed["x"] = left
    try:
        expected = eval(f"left {sign} right", {"left": left, "right": right})  # noqa: S307
    except TypeError:
        expected = False
    assert expression.compile(None, ()).run(message) == expected


# Handing over


def long_word(message: Message[Text]) -> Word | None:
    return next((Word(one) for one in message.content.text.split() if len(one) > 5), None)


async def how_many(message: Message[Text]) -> Count:
    return Count(len(message.content.text.split()))


async def test_a_filter_hands_its_value_over_by_its_type(bot: Bot) -> None:
    taken: list[Any] = []

    @bot.on(Text, long_word, how_many)
    async def take(message: Message[Text], count: Count, *, word: Word) -> None:
        taken.append((word, count))

    await give(bot, "a longer text", "no")
    assert taken == [("longer", 3)]


async def test_a_value_that_is_false_fits_as_long_as_it_is_one(bot: Bot) -> None:
    taken: list[Count] = []

    @bot.on(Text, how_many)
    async def take(message: Message[Text], count: Count) -> None:
        taken.append(count)

    await give(bot, " ")
    assert taken == [0]


async def test_of_either_only_one_may_have_handed_over(bot: Bot) -> None:
    taken: list[Any] = []

    @bot.on(Text, Filter(long_word) & (F.content.text == "never this"))
    async def never(message: Message[Text], word: Word) -> None: ...

    @bot.on(Text, Filter(long_word) & F.content.text.endswith("!") | F.content.text.contains("?"))
    async def take(message: Message[Text], word: Word | None) -> None:
        taken.append(word)

    await give(bot, "longer text!", "longer text?", "any?")
    assert taken == ["longer", None, None]


async def test_of_either_what_both_hand_over_is_there(bot: Bot) -> None:
    taken: list[str] = []

    @bot.on(Text, matches("^a(.*)") | matches("^b(.*)"))
    async def take(message: Message[Text], match: re.Match[str]) -> None:
        taken.append(match[1])

    await give(bot, "a1", "b2", "c3")
    assert taken == ["1", "2"]


async def test_a_negated_filter_hands_nothing_over_and_takes_nothing_away(bot: Bot) -> None:
    taken: list[str] = []

    @bot.on(Text, matches("^(.)"), ~(matches("(.)$") & (F.content.text == "no")))
    async def take(message: Message[Text], match: re.Match[str]) -> None:
        taken.append(match[1])

    await give(bot, "yes", "no")
    assert taken == ["y"]


def test_what_may_be_missing_has_to_be_taken_as_such(bot: Bot) -> None:
    @bot.on(Text, Filter(long_word) | F.user_id)
    async def take(message: Message[Text], word: Word) -> None: ...

    with pytest.raises(RegistrationError, match=r"annotate it Word \| None"):
        bot.check()


def test_one_type_is_handed_over_once(bot: Bot) -> None:
    bot.on(Text, matches("a"), matches("b"))(take_text)
    with pytest.raises(RegistrationError, match=r"hands over two of Match\[str\]"):
        bot.check()


def test_what_a_router_hands_over_is_handed_over_once(bot: Bot) -> None:
    router = Router("words", any_word)
    router.on(Text, long_word)(take_text)
    bot.include(router)
    with pytest.raises(RegistrationError, match="hands over Word, which there is already"):
        bot.check()


def test_what_a_negated_filter_found_is_not_there(bot: Bot) -> None:
    @bot.on(Text, ~Filter(long_word))
    async def take(message: Message[Text], word: Word) -> None: ...

    with pytest.raises(RegistrationError, match="word: Word, which nothing provides"):
        bot.check()


async def test_a_filter_gets_what_the_filter_before_it_hands_over(bot: Bot) -> None:
    def is_even(message: Message[Text], count: Count) -> bool:
        return count % 2 == 0

    bot.on(Text, how_many, is_even)(take_text)
    routed = Routed(bot)
    assert (await routed.give("one two")).route is not None
    assert (await routed.give("one")).route is None


async def test_filters_of_a_router_hand_over_to_all_in_it(bot: Bot) -> None:
    taken: list[str] = []
    router = Router("words", lambda message: isinstance(message.content, Text), any_word)

    @router.on(Text)
    async def take(message: Message[Text], word: Word) -> None:
        taken.append(word)

    bot.include(router)
    await give(
        bot, "hello", Image(attachment_id=GROUP, mime_type="image/png", width=1, height=1, size=1)
    )
    assert taken == ["hello"]


def any_word(message: Message[Content]) -> Word | None:
    return Word(message.content.text) if isinstance(message.content, Text) else None


# Commands and patterns


async def test_a_command_and_its_arguments(bot: Bot) -> None:
    taken: list[tuple[str, list[str], str]] = []

    @bot.command("say", "tell")
    async def take(message: Message[Text], command: Command) -> None:
        taken.append((command.name, command.args, command.text))

    await give(
        bot,
        "/say",
        " /TELL  alice  'good morning'  now ",
        "/say it's \\n\nfine",
        "/sayit",
        "/ say",
        "say",
        "/",
        "",
    )
    assert taken == [
        ("say", [], ""),
        ("tell", ["alice", "good morning", "now"], "alice  'good morning'  now"),
        ("say", ["it's", "\\n", "fine"], "it's \\n\nfine"),
    ]


@given(st.text())
def test_arguments_of_any_text_are_its_words(text: str) -> None:
    args = Command("say", text).args
    if not set(text) & set("'\""):
        assert args == re.split(r"[ \t\r\n]+", text.strip(" \t\r\n")) or not text.strip(" \t\r\n")


async def test_another_prefix(bot: Bot) -> None:
    bot.command("say", prefix="!!")(take_text)
    routed = Routed(bot)
    assert (await routed.give("!!say x")).route is not None
    assert (await routed.give("/say x")).route is None


async def test_a_pattern_is_found_and_its_groups_are_there(bot: Bot) -> None:
    taken: list[tuple[str | Any, ...]] = []

    @bot.regex(r"(\d+) (euros|dollars)", F.user_id == ALICE)
    async def take(message: Message[Text], match: re.Match[str]) -> None:
        taken.append(match.groups())

    await give(bot, "I owe you 5 euros", "5 pounds")
    assert taken == [("5", "euros")]
