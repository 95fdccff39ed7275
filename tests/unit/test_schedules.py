"""When jobs run: intervals, cron, and the hours that clocks leave out or give twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blazebot.bot.jobs.schedules import Cron, Every, due_now, schedule_of
from blazebot.errors import JobError

NEW_YORK = "America/New_York"  # forward 2025-03-09 at 2:00, back 2025-11-02 at 2:00
HOUR = 3600.0
DAY = 24 * HOUR

moments = st.floats(1_700_000_000, 1_800_000_000)
changes = st.sampled_from(["2025-03-09T00:00-05:00", "2025-11-02T00:00-04:00"]).map(
    lambda text: datetime.fromisoformat(text).timestamp()
)
around_changes = st.tuples(changes, st.floats(0, 6 * HOUR)).map(sum)


def when(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def runs(schedule: Cron, after: str, count: int) -> list[str]:
    """The next runs, as a clock in the zone shows them."""
    zone = ZoneInfo(schedule.zone)
    moment, found = when(after), []
    for _ in range(count):
        moment = schedule.after(moment, moment)
        found.append(datetime.fromtimestamp(moment, zone).isoformat("T", "minutes"))
    return found


# Intervals


@given(moments, moments, st.integers(1, 30 * 86400))
def test_an_interval_keeps_its_phase(moment: float, due: float, seconds: float) -> None:
    found = Every(seconds).after(moment, due)
    assert moment < found <= moment + seconds * 1.000001
    steps = (found - due) / seconds
    assert abs(steps - round(steps)) < 1e-5


@given(
    st.integers(1_700_000_000, 1_800_000_000),
    st.integers(0, 30 * 86400),
    st.integers(1, 86400),
    st.integers(0, 2 * 86400),
)
def test_the_newest_run_of_an_interval(due: int, late: int, seconds: int, grace: int) -> None:
    newest = Every(seconds).newest(due, due + late, grace)
    assert newest == (due + late - late % seconds if late % seconds <= grace else None)


# Cron

EXPRESSIONS = st.sampled_from(
    [
        *("0 9 * * *", "30 2 * * *", "30 1 * * *", "*/20 * * * *", "15 */3 * * *"),
        *("0,30 1-3 * * *", "0 9 * * MON-FRI", "0 0 1 * *", "45 1 L * *", "0 12 * * SUN#1"),
    ]
)
ZONES = st.sampled_from([NEW_YORK, "UTC", "Asia/Shanghai", "Australia/Lord_Howe"])


@given(EXPRESSIONS, ZONES, moments | around_changes, st.floats(0, 1))
@example("30 1 * * *", NEW_YORK, when("2025-11-02T01:15-05:00"), 0.5)
@example("0,30 1-3 * * *", NEW_YORK, when("2025-03-09T01:50-05:00"), 0.5)
def test_between_a_moment_and_the_next_run_there_is_none(
    expression: str, zone: str, moment: float, part: float
) -> None:
    schedule = Cron(expression, zone)
    found = schedule.after(moment, moment)
    assert found > moment
    between = moment + (found - moment) * part
    if between < found:
        assert schedule.after(between, between) == found


@given(EXPRESSIONS, ZONES, moments | around_changes, st.floats(0, 3 * DAY), st.floats(0, DAY))
def test_the_newest_run_is_the_last_one_of_all(
    expression: str, zone: str, moment: float, late: float, grace: float
) -> None:
    schedule = Cron(expression, zone)
    due = schedule.after(moment, moment)
    now = due + late
    every_run = [due]
    while (following := schedule.after(every_run[-1], due)) <= now:
        every_run.append(following)
    expected = every_run[-1] if now - every_run[-1] <= grace else None
    assert schedule.newest(due, now, grace) == expected


def test_what_falls_into_the_hour_that_is_left_out_runs_after_it() -> None:
    assert runs(Cron("30 2 * * *", NEW_YORK), "2025-03-08T12:00Z", 2) == [
        "2025-03-09T03:00-04:00",
        "2025-03-10T02:30-04:00",
    ]


def test_what_falls_into_the_hour_that_comes_twice_runs_the_first_time() -> None:
    assert runs(Cron("30 1 * * *", NEW_YORK), "2025-11-01T12:00Z", 2) == [
        "2025-11-02T01:30-04:00",
        "2025-11-03T01:30-05:00",
    ]


def test_what_runs_every_hour_runs_as_time_passes() -> None:
    assert runs(Cron("0 * * * *", NEW_YORK), "2025-11-02T00:30-04:00", 3) == [
        "2025-11-02T01:00-04:00",
        "2025-11-02T01:00-05:00",
        "2025-11-02T02:00-05:00",
    ]
    assert runs(Cron("0 * * * *", NEW_YORK), "2025-03-09T00:30-05:00", 3) == [
        "2025-03-09T01:00-05:00",
        "2025-03-09T03:00-04:00",
        "2025-03-09T04:00-04:00",
    ]


def test_nine_in_shanghai() -> None:
    assert schedule_of(None, "0  9 * * *", "Asia/Shanghai") == Cron("0 9 * * *", "Asia/Shanghai")
    assert runs(Cron("0 9 * * *", "Asia/Shanghai"), "2026-01-01T00:00Z", 1) == [
        "2026-01-01T09:00+08:00"
    ]


# What is asked for


def test_without_a_zone_cron_is_in_utc() -> None:
    assert schedule_of(None, "0 9 * * *", None) == Cron("0 9 * * *", "UTC")
    assert schedule_of(timedelta(hours=1), None, None) == Every(HOUR)
    assert schedule_of(None, None, None) is None


@pytest.mark.parametrize(
    ("every", "cron", "tz", "words"),
    [
        (timedelta(0), None, None, "a second or more"),
        (60, None, None, "every: should be a timedelta, not 60"),
        (timedelta(hours=1), "0 9 * * *", None, "only one of them"),
        (timedelta(hours=1), None, "UTC", "tz: goes with cron"),
        (None, "0 9 * *", None, "five fields"),
        (None, "0 0 9 * * *", None, "five fields"),
        (None, "61 * * * *", None, "'61 * * * *' is no cron expression: Bad minute"),
        (None, "0 0 31 2 *", None, "Bad day"),
        (None, 9, None, "five fields"),
        (None, "0 9 * * *", "Mars/Olympus", "no time zone 'Mars/Olympus'"),
        (None, "0 9 * * *", "../etc/passwd", "no time zone"),
        (None, "0 9 * * *", "", "no time zone"),
        (None, "0 9 * * *", UTC, "tz: should be the name"),
    ],
)
def test_what_is_no_schedule(every: timedelta, cron: str, tz: str, words: str) -> None:
    with pytest.raises(JobError, match=words.replace("*", r"\*")):
        schedule_of(every, cron, tz)


# Late


def test_what_runs_once_runs_however_late() -> None:
    assert due_now(None, 100.0, 100.0 + 1000 * DAY, 0.0, begun=False) == 100.0


def test_of_what_repeats_only_the_newest_run_is_made_up_for_and_within_the_grace() -> None:
    hourly = Every(HOUR)
    assert due_now(hourly, 0.0, 10.5 * HOUR, HOUR, begun=False) == 10 * HOUR
    assert due_now(Every(DAY), 0.0, 10.5 * HOUR, HOUR, begun=False) is None
    assert due_now(hourly, 0.0, 0.0, 0.0, begun=False) == 0.0


def test_without_grace_it_runs_in_time_and_has_all_its_tries() -> None:
    every_second = Every(1.0)
    assert due_now(every_second, 10.0, 10.02, 0.0) == 10.0
    assert due_now(Every(DAY), 0.0, 61.0, 0.0) is None
    assert due_now(Every(DAY), 0.0, HOUR, 1.0, begun=True) is None
    assert due_now(Every(DAY), 0.0, HOUR, 1.0, begun=True, tries=1) == 0.0


def test_a_run_that_was_begun_goes_on_as_what_it_was() -> None:
    assert due_now(Every(60.0), 0.0, 600.0, HOUR, begun=True) == 0.0
    assert due_now(Every(60.0), 0.0, 2 * HOUR, HOUR, begun=True) is None
