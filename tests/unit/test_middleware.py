"""Middleware: its order, what it hands over, and the middleware that is there."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot import (
    Bot,
    Content,
    ContentError,
    HandlerTimeout,
    Image,
    Job,
    Message,
    Next,
    NextJob,
    NextWith,
    Post,
    RegistrationError,
    Router,
    Text,
    Translator,
    from_user,
    middleware,
)
from blazebot.bot.middleware import LogContext
from blazebot.bot.middleware.locale import language_of
from blazebot.bot.middleware.throttle import PEOPLE_REMEMBERED
from blazebot.wire.content import ConversationChange
from tests.catalogs import write_catalog
from tests.routed import ALICE, GROUP, Routed, give, make_bot, make_message


@pytest.fixture
def bot() -> Bot:
    return make_bot()


class Steps(list[str]):
    """What happened, in order."""

    def around(self, name: str) -> Any:
        async def note(message: Message[Any], call_next: Next) -> None:
            self.append(f"{name} in")
            await call_next(message)
            self.append(f"{name} out")

        return note

    def handler(self, name: str) -> Any:
        async def handle(message: Message[Any]) -> None:
            self.append(name)

        return handle


class Ticket:
    def __init__(self, number: int) -> None:
        self.number = number


# Order


async def test_outer_stands_around_filters_and_inner_around_the_handler(bot: Bot) -> None:
    steps, router = Steps(), Router("router")

    async def look(message: Message[Content]) -> bool:
        steps.append("filter")
        return True

    bot.outer(steps.around("outer 1"))
    bot.outer(steps.around("outer 2"))
    bot.inner(steps.around("inner"))
    router.outer(steps.around("router outer"))
    router.inner(steps.around("router inner"))
    router.on(Text, look)(steps.handler("handler"))
    bot.include(router)
    await give(bot, "x")
    assert steps == [
        "outer 1 in",
        "outer 2 in",
        "router outer in",
        "filter",
        "inner in",
        "router inner in",
        "handler",
        "router inner out",
        "inner out",
        "router outer out",
        "outer 2 out",
        "outer 1 out",
    ]


async def test_inner_does_not_run_where_nobody_takes_it_and_outer_does(bot: Bot) -> None:
    steps = Steps()
    bot.outer(steps.around("outer"))
    bot.inner(steps.around("inner"))
    await give(bot, "x")
    assert steps == ["outer in", "outer out"]


async def test_behind_a_router_that_takes_nothing_the_search_goes_on(bot: Bot) -> None:
    steps, router = Steps(), Router("router")
    router.outer(steps.around("outer"))
    router.on(Post)(steps.handler("never"))
    bot.include(router)
    bot.on(Text)(steps.handler("handler"))
    await give(bot, "x")
    assert steps == ["outer in", "outer out", "handler"]


async def test_what_is_not_passed_on_is_handled(bot: Bot) -> None:
    steps, router = Steps(), Router("router")

    @router.outer
    async def drop(message: Message[Any], call_next: Next) -> None:
        if message.content == Text("pass"):
            await call_next(message)

    router.on(Text)(steps.handler("router"))
    bot.include(router)
    bot.on(Text)(steps.handler("bot"))
    message = await Routed(bot).give("drop")
    assert message.route is None
    await give(bot, "pass")
    assert steps == ["router"]


async def test_a_router_with_a_filter_keeps_its_middleware_to_what_fits(bot: Bot) -> None:
    steps, router = Steps(), Router("router", from_user(GROUP))
    router.outer(steps.around("outer"))
    bot.include(router)
    await give(bot, "x")
    assert steps == []


# Around jobs


async def test_around_a_job_stands_what_its_routers_put_there(bot: Bot) -> None:
    steps, router, beside = Steps(), Router("router"), Router("beside")

    def around(name: str) -> Any:
        async def note(job: Job, call_next: NextJob) -> None:
            steps.append(f"{name} in")
            await call_next(job)
            steps.append(f"{name} out")

        return note

    @router.around_jobs
    async def lend(job: Job[Any], call_next: NextWith[Ticket]) -> None:
        await call_next(job, Ticket(7))

    @router.job
    async def report(job: Job[str], ticket: Ticket) -> None:
        steps.append(f"{job.data} {ticket.number}")

    bot.around_jobs(around("bot 1"))
    bot.around_jobs(around("bot 2"))
    beside.around_jobs(around("beside"))
    bot.outer(steps.around("outer"))
    for one in (beside, router):
        bot.include(one)
    plan = Routed(bot).routing.jobs["report"]
    await plan.call(Job(bot, "report", "", 0.0, "data"))
    assert steps == ["bot 1 in", "bot 2 in", "data 7", "bot 2 out", "bot 1 out"]


async def test_a_job_that_is_not_passed_on_does_not_run(bot: Bot) -> None:
    ran: list[Job] = []

    @bot.around_jobs
    async def skip(job: Job, call_next: NextJob) -> None:
        if job.key != "skipped":
            await call_next(job)

    @bot.job
    async def report(job: Job) -> None:
        ran.append(job)

    plan = Routed(bot).routing.jobs["report"]
    for key in ("skipped", "run"):
        await plan.call(Job(bot, "report", key, 0.0, None))
    assert [job.key for job in ran] == ["run"]


def test_what_is_no_middleware_of_jobs_is_named_when_the_bot_starts(bot: Bot) -> None:
    @bot.around_jobs
    async def for_messages(message: Message[Any], call_next: Next) -> None: ...

    @bot.job
    async def report() -> None: ...

    with pytest.raises(RegistrationError, match=r"for_messages .*has to take every kind"):
        bot.check()


# Handing over and injection


async def test_middleware_gets_and_hands_over_by_type(bot: Bot) -> None:
    taken: list[Any] = []
    bot.provide(5)

    @bot.outer
    async def number(message: Message[Any], call_next: NextWith[Ticket, str], count: int) -> None:
        await call_next(message, Ticket(count), "words")

    def has_ticket(message: Message[Any], ticket: Ticket) -> bool:
        return ticket.number == 5

    @bot.inner
    async def see(message: Message[Any], call_next: Next, ticket: Ticket) -> None:
        taken.append(ticket.number)
        await call_next(message)

    @bot.on(Text, has_ticket)
    async def take(message: Message[Text], ticket: Ticket, words: str) -> None:
        taken.append((ticket.number, words))

    await give(bot, "x")
    assert taken == [5, (5, "words")]


async def test_a_value_that_is_not_handed_over_is_named(bot: Bot) -> None:
    @bot.outer
    async def forget(message: Message[Any], call_next: NextWith[Ticket]) -> None:
        await call_next(message)  # type: ignore[call-arg]

    bot.on(Text)(take)
    with pytest.raises(TypeError, match="call_next has to hand over Ticket"):
        await give(bot, "x")


async def inner_ticket(message: Message[Any], call_next: NextWith[Ticket]) -> None:
    await call_next(message, Ticket(1))


async def for_texts(message: Message[Text], call_next: Next) -> None: ...


async def without_next(message: Message[Any]) -> None: ...


async def asks_for_more(message: Message[Any], call_next: Next, ticket: Ticket) -> None: ...


async def take(message: Message[Any]) -> None: ...


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (for_texts, "has to take every kind"),
        (without_next, "the message and call_next"),
        (asks_for_more, "ticket: Ticket, which nothing provides"),
        (lambda message, call_next: None, "must be `async def`"),
    ],
)
def test_wrong_middleware_is_named_with_its_place(bot: Bot, wrong: Any, words: str) -> None:
    bot.on(Text)(take)

    def register_and_check() -> None:
        bot.inner(wrong)
        bot.check()

    with pytest.raises(RegistrationError, match=words) as caught:
        register_and_check()
    assert "middleware " in str(caught.value)
    assert "test_middleware.py:" in str(caught.value)


def test_what_is_there_is_not_handed_over_again(bot: Bot) -> None:
    bot.outer(inner_ticket)
    bot.inner(inner_ticket)
    bot.on(Text)(take)
    with pytest.raises(RegistrationError, match=r"inner_ticket .* hands over Ticket, which there"):
        bot.check()


def test_what_inner_middleware_hands_over_is_not_there_for_filters(bot: Bot) -> None:
    bot.inner(inner_ticket)
    bot.on(Text, lambda message: True, has_no_ticket)(take)
    with pytest.raises(RegistrationError, match=r"has_no_ticket .*ticket: Ticket, which nothing"):
        bot.check()


def has_no_ticket(message: Message[Any], ticket: Ticket) -> bool:
    return True


# Time limit


async def test_a_handler_has_a_time_limit_of_its_own(bot: Bot) -> None:
    bot.inner(middleware.timeout(0.01))

    @bot.on(Text)
    async def hang(message: Message[Text]) -> None:
        await asyncio.Event().wait()

    with pytest.raises(HandlerTimeout, match=r"hang \(.*0.01 s; see its middleware"):
        await give(bot, "x")


async def test_a_timeout_of_the_handler_itself_stays_what_it_is(bot: Bot) -> None:
    bot.inner(middleware.timeout(10))

    @bot.on(Text)
    async def fail(message: Message[Text]) -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await give(bot, "x")


# Throttling


class Limit:
    """Throttling by a clock that is set by hand; ``passed`` are the texts that got through."""

    def __init__(self, rate: int, per: float) -> None:
        self.now = 0.0
        self.bot = self.make_bot()
        self.passed: list[Any] = []
        self.throttle = middleware.throttle(rate, per)

    def make_bot(self) -> Bot:
        bot = make_bot()
        bot.clock.monotonic = lambda: self.now  # type: ignore[method-assign]
        return bot

    async def write(self, text: str, bot: Bot | None = None, **fields: Any) -> None:
        async def call_next(message: Message[Any]) -> None:
            self.passed.append(text)

        await self.throttle(make_message(bot or self.bot, text, **fields), call_next)


async def test_so_many_pass_at_once_and_then_one_after_the_other() -> None:
    limit = Limit(3, 30)
    for number in range(5):
        await limit.write(str(number))
    await limit.write("of another", user_id=GROUP)
    assert limit.passed == ["0", "1", "2", "of another"]
    limit.now = 9.9
    await limit.write("too early")
    limit.now = 10.1
    await limit.write("in time")
    await limit.write("too early again")
    limit.now = 1000
    for number in range(5):
        await limit.write(f"later {number}")
    assert limit.passed[4:] == ["in time", "later 0", "later 1", "later 2"]


async def test_a_message_that_is_tried_again_is_counted_once() -> None:
    limit = Limit(1, 60)
    for _ in range(3):
        await limit.write("again", message_id=GROUP)
    await limit.write("other")
    assert limit.passed == ["again"] * 3


def written(seconds_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat()


async def test_what_waited_for_the_bot_passes_as_it_would_have() -> None:
    limit = Limit(2, 3)
    for number in range(6):
        await limit.write(f"slow {number}", created_at=written(3600 - 1.6 * number))
    for number in range(6):
        await limit.write(f"flood {number}", created_at=written(60))
    assert limit.passed == [*(f"slow {number}" for number in range(6)), "flood 0", "flood 1"]


async def test_a_dead_letter_of_long_ago_passes_uncounted() -> None:
    limit = Limit(1, 60)
    await limit.write("now", created_at=written(0))
    for number in range(3):
        await limit.write(f"letter {number}", created_at=written(3600))
    await limit.write("too early", created_at=written(0))
    assert limit.passed == ["now", "letter 0", "letter 1", "letter 2"]


async def test_bots_that_share_it_count_for_themselves() -> None:
    limit = Limit(1, 60)
    other = limit.make_bot()
    for number in (1, 2):
        await limit.write(f"one {number}", message_id=f"m{number}")
        await limit.write(f"two {number}", other, message_id=f"m{number}")
    assert limit.passed == ["one 1", "two 1"]


async def test_it_goes_by_the_clock_of_the_bot(bot: Bot) -> None:
    passed: list[str] = []
    bot.outer(middleware.throttle(1, 3600))

    @bot.on(Text)
    async def take(message: Message[Text]) -> None:
        passed.append(message.content.text)

    await give(bot, "one", "too early")
    bot.clock.move(3600)
    await give(bot, "an hour later")
    bot.clock.move(0)
    await give(bot, "back again")
    assert passed == ["one", "an hour later"]


async def test_what_the_service_says_passes() -> None:
    limit = Limit(1, 60)
    change = ConversationChange(action="JOIN")
    for _ in range(3):
        await limit.write("change", category=change.category)
    assert limit.passed == ["change"] * 3


async def test_memory_is_bounded_by_people() -> None:
    limit = Limit(1, 60)
    for number in range(PEOPLE_REMEMBERED + 10):
        await limit.write("x", user_id=str(number))
    assert len(limit.throttle._buckets) == PEOPLE_REMEMBERED
    assert len(limit.throttle._passed) <= PEOPLE_REMEMBERED


@given(
    st.integers(1, 5),
    st.floats(1, 100),
    st.lists(st.floats(0, 50, allow_nan=False), min_size=1, max_size=60),
)
def test_in_any_stretch_of_time_no_more_pass_than_is_said(
    rate: int, per: float, pauses: list[float]
) -> None:
    limit = Limit(rate, per)
    times: list[float] = []

    async def write_all() -> None:
        for pause in pauses:
            limit.now += pause
            before = len(limit.passed)
            await limit.write("x")
            if len(limit.passed) > before:
                times.append(limit.now)

    asyncio.run(write_all())
    assert times[0] == pauses[0]
    for first in range(len(times)):
        for last in range(first, len(times)):
            allowed = rate + (times[last] - times[first]) * rate / per
            assert last - first + 1 <= allowed + 1e-6


@pytest.mark.parametrize(
    ("rate", "per"), [(0, 1), (1, 0), (-1, 5), ("1", 1), (1, timedelta(seconds=1))]
)
def test_limits_are_numbers_above_zero(rate: Any, per: Any) -> None:
    with pytest.raises(RegistrationError, match="numbers above 0"):
        middleware.throttle(rate, per)


@pytest.mark.parametrize("seconds", [0, -1, timedelta(seconds=1)])
def test_a_time_limit_is_a_number_above_zero(seconds: Any) -> None:
    with pytest.raises(RegistrationError, match="seconds above 0"):
        middleware.timeout(seconds)


@pytest.mark.parametrize("reply", [5, ConversationChange(action="JOIN")])
def test_replies_are_checked_at_once(reply: Any) -> None:
    with pytest.raises(ContentError):
        middleware.error_to_user(reply)
    with pytest.raises(ContentError):
        middleware.throttle(1, 1, reply)


# Languages


@pytest.fixture
def catalogs(tmp_path: Path) -> Path:
    write_catalog(tmp_path, "zh", {"Welcome": "欢迎", "%d tip\0%d tips": "%d 个提示"})
    write_catalog(tmp_path, "ja", {"Welcome": "ようこそ"})
    return tmp_path


async def languages_of(bot: Bot, *contents: Content | str) -> list[str]:
    """The language and the welcome for each message."""
    taken: list[str] = []

    @bot.on(Content)
    async def take(message: Message[Content], translate: Translator) -> None:
        taken.append(f"{translate.language} {translate('Welcome')}")

    await give(bot, *contents)
    return taken


async def test_the_script_of_a_text_tells_its_language(bot: Bot, catalogs: Path) -> None:
    bot.outer(middleware.locale(catalogs))
    image = Image(attachment_id=GROUP, mime_type="image/png", width=1, height=1, size=1)
    said = await languages_of(bot, "你好", "こんにちは", Post("日本語です"), "hello", "123", image)
    assert said == ["zh 欢迎", "ja ようこそ", "ja ようこそ", *["en Welcome"] * 3]


async def test_a_choice_goes_over_the_script(bot: Bot, catalogs: Path) -> None:
    async def chosen(message: Message[Any]) -> str | None:
        return {"one": "ja", "two": "fr"}.get(message.content.text)

    bot.outer(middleware.locale(catalogs, choose=chosen, default="zh"))
    assert [one[:2] for one in await languages_of(bot, "one", "two", "1")] == ["ja", "en", "zh"]


async def test_only_languages_that_there_are(bot: Bot, catalogs: Path) -> None:
    bot.outer(middleware.locale(catalogs, languages=("zh", "en"), choose=lambda message: "ja"))
    assert [one[:2] for one in await languages_of(bot, "こんにちは", "好")] == ["en", "zh"]


def test_plurals(catalogs: Path) -> None:
    locale = middleware.locale(catalogs)
    assert locale._translators["zh"].plural("%d tip", "%d tips", 2) % 2 == "2 个提示"
    assert locale._translators["en"].plural("%d tip", "%d tips", 2) % 2 == "2 tips"


def test_a_catalog_that_is_missing_or_broken_is_named(catalogs: Path) -> None:
    with pytest.raises(RegistrationError, match=r"fr/LC_MESSAGES/messages\.mo.*leave 'fr' out"):
        middleware.locale(catalogs, languages=("en", "fr"))
    with pytest.raises(RegistrationError, match="default 'fr'"):
        middleware.locale(catalogs, default="fr")
    write_catalog(catalogs, "de", {})
    (catalogs / "de" / "LC_MESSAGES" / "messages.mo").write_bytes(b"no catalog")
    with pytest.raises(RegistrationError, match="de/LC_MESSAGES"):
        middleware.locale(catalogs, languages=("en", "de"))


@given(st.text())
def test_some_language_or_none_for_any_text(text: str) -> None:
    assert language_of(text) in {"en", "zh", "ja", None}


# Logging


async def test_each_message_is_logged_without_what_it_holds(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    bot.outer(middleware.log_messages())

    @bot.on(Text)
    async def fail(message: Message[Text]) -> None:
        if message.content.text == "bad secret":
            raise ValueError

    routed = Routed(bot)
    with caplog.at_level(logging.INFO, "blazebot.messages"):
        one = await routed.give("a secret")
        with pytest.raises(ValueError, match=r"^$"):
            await routed.give("bad secret")
        await routed.give(Post("x"))
    handled, failed, untaken = caplog.messages
    assert handled.startswith(f"message {one.id} (PLAIN_TEXT): handled by tests.unit.test_middlew")
    assert ".fail in " in handled
    assert ": failed by" in failed
    assert ": handled by nobody" in untaken
    assert "secret" not in "".join(caplog.messages)


async def test_log_lines_say_what_is_being_handled(bot: Bot) -> None:
    records: list[Any] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    log, kept = logging.getLogger("tests.middleware"), Kept()
    kept.addFilter(LogContext())
    log.addHandler(kept)

    async def look(message: Message[Content]) -> bool:
        log.warning("filter")
        return True

    @bot.on(Text, look)
    async def handle(message: Message[Text]) -> None:
        log.warning("handler")

    try:
        message = await Routed(bot).give("x")
        log.warning("outside")
    finally:
        log.removeHandler(kept)
    in_filter, in_handler, outside = records
    for record in (in_filter, in_handler):
        assert (record.message_id, record.user_id) == (message.id, ALICE)
        assert record.conversation_id == message.conversation_id
        assert message.id in record.context
    assert in_filter.handler == ""
    assert in_handler.handler.endswith(".handle")
    assert outside.message_id == outside.context == outside.handler == ""
