"""Jobs as they are registered: what a job gets, and what is refused before a start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from blazebot import Bot, Command, Job, Message, RegistrationError, Router, Text
from blazebot.bot.jobs.schedules import Cron, Every
from blazebot.errors import NotRunning
from tests.routed import Routed, make_bot

DUE = 1_800_000_000.0


class Reminder(msgspec.Struct):
    words: str


@pytest.fixture
def bot() -> Bot:
    return make_bot()


async def run(bot: Bot, name: str, data: str = "null", key: str = "k") -> None:
    """Run a job as a running bot would."""
    routed = Routed(bot)
    plan = routed.routing.jobs[name]
    job: Job = Job(bot, name, key, DUE, plan.data.decode(data))
    await routed.routing.injector.run(job, plan.call)


async def test_a_job_gets_what_it_asks_for(bot: Bot) -> None:
    taken: list[Any] = []
    bot.provide({"any": "value"})

    @bot.job
    async def plain() -> None:
        taken.append("plain")

    @bot.job(name="remind_of")
    async def remind(bot: Bot, *, job: Job[Reminder], values: dict) -> None:  # type: ignore[type-arg]
        taken.extend((bot.id, job.name, job.key, job.due, job.data, values))

    await run(bot, "plain")
    await run(bot, "remind_of", '{"words": "tea"}')
    assert taken == [
        *("plain", bot.id, "remind_of", "k"),
        datetime.fromtimestamp(DUE, UTC),
        Reminder("tea"),
        {"any": "value"},
    ]


def test_schedules_of_jobs_in_routers(bot: Bot) -> None:
    router = bot.include(Router("reports"))

    @bot.job(every=timedelta(minutes=5), grace=timedelta(seconds=30))
    async def often() -> None: ...

    @router.job(cron="0 9 * * MON-FRI", tz="Asia/Shanghai")
    async def morning(job: Job) -> None: ...

    routes = {name: plan.route for name, plan in Routed(bot).routing.jobs.items()}
    assert (routes["often"].schedule, routes["often"].grace) == (Every(300.0), 30.0)
    assert routes["morning"].schedule == Cron("0 9 * * MON-FRI", "Asia/Shanghai")
    assert routes["morning"].grace is None


def test_what_a_run_sends_has_the_same_id_each_time_and_another_one_for_each_run(bot: Bot) -> None:
    def sent(name: str, key: str, due: float, times: int = 1, of: Bot = bot) -> str:
        job: Job = Job(of, name, key, due, None)
        return [job.sent.message_id("c", "PLAIN_TEXT", b"hi") for _ in range(times)][-1]

    once = sent("job", "k", DUE)
    assert once == sent("job", "k", DUE)
    others = {
        *(sent("other", "k", DUE), sent("job", "other", DUE), sent("job", "k", DUE + 1)),
        sent("job", "k", DUE, times=2),
        sent("job", "k", DUE, of=make_bot()),
    }
    assert len(others | {once}) == 6


def test_a_name_is_there_once(bot: Bot) -> None:
    router = bot.include(Router("more"))

    @bot.job
    async def remind() -> None: ...

    @router.job(name="remind")
    async def again() -> None: ...

    with pytest.raises(
        RegistrationError,
        match=r"job 'remind' is there twice: .*remind \(.*test_jobs\.py:\d+\), and .*again \(",
    ):
        bot.check()


async def takes_command(command: Command) -> None: ...
async def takes_message(message: Message[Text]) -> None: ...
async def takes_unknown(wanted: complex) -> None: ...
async def takes_no_json(job: Job[list[int] | set[int]]) -> None: ...
async def without_annotation(job) -> None: ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (takes_command, r"job takes_command \(.*test_jobs\.py:\d+\) has a parameter command"),
        (takes_message, "which nothing provides here"),
        (takes_unknown, "wanted: complex, which nothing provides here"),
        (takes_no_json, r"takes Job\[list\[int\] \| set\[int\]\], which cannot be kept as JSON"),
        (without_annotation, "has a parameter job without annotation"),
    ],
)
def test_what_no_job_can_get(bot: Bot, job: Any, words: str) -> None:
    bot.job(job)
    with pytest.raises(RegistrationError, match=words):
        bot.check()


async def good() -> None: ...


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"every": timedelta(0)}, r"job good \(.*test_jobs\.py:\d+\) is no job: every: is 0:00:00"),
        ({"cron": "every day"}, "five fields"),
        ({"cron": "0 9 * * *", "tz": "Nowhere"}, "no time zone 'Nowhere'"),
        ({"tz": "UTC"}, "tz: goes with cron"),
        ({"cron": "0 9 * * *", "every": timedelta(hours=1)}, "only one of them"),
        ({"name": ""}, "cannot be called ''"),
        ({"name": "a|b"}, r"cannot be called 'a\|b': a job's name is a word"),
        ({"name": "x" * 101}, "cannot be called"),
        ({"name": 5}, "cannot be called 5"),
        ({"grace": 60}, "grace: should be a timedelta"),
        ({"grace": timedelta(-1)}, "grace: should be a timedelta"),
        ({"timeout": timedelta(0)}, "timeout: should be a timedelta of 0.001 s or more"),
    ],
)
def test_what_is_no_job(bot: Bot, options: dict[str, Any], words: str) -> None:
    with pytest.raises(RegistrationError, match=words):
        bot.job(**options)(good)


def test_what_is_no_function_of_a_job(bot: Bot) -> None:
    with pytest.raises(RegistrationError, match=r"job .*<lambda> \(.* must be `async def`"):
        bot.job(lambda: None)  # type: ignore[type-var]
    with pytest.raises(RegistrationError, match="is no function"):
        bot.job("good")  # type: ignore[call-overload]


def test_jobs_are_those_of_a_running_bot(bot: Bot) -> None:
    with pytest.raises(NotRunning, match="does not run"):
        _ = bot.jobs
