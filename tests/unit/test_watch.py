"""What is counted, how Prometheus gets to see it, and who may look. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Counter
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.registry import REGISTRY

from blazebot.watch.counts import BotStatus, Counts, HandlerCounts
from blazebot.watch.guard import Address, Guard, is_loopback
from blazebot.watch.histogram import BOUNDS, Histogram
from blazebot.watch.metrics import COUNTERS, GAUGES, exposition

NUMBERS = [field for field, _ in (*COUNTERS.values(), *GAUGES.values())]


def counts(**handlers: HandlerCounts) -> Counts:
    """Counts that all differ."""
    numbers = {field: number for number, field in enumerate(NUMBERS, 10)}
    return Counts(**numbers, handlers=handlers, jobs={"sweep": HandlerCounts()})


def samples(*statuses: BotStatus) -> dict[tuple[str, ...], float]:
    """What a scrape gives: values by the sample's name and the values of its labels."""
    body, content_type = exposition(statuses, "")
    assert content_type.startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(body.decode())
        for sample in family.samples
        if sample.name.startswith("blazebot_")
    }


# Histogram


@given(st.lists(st.floats(0, 100)))
def test_each_duration_is_in_the_buckets_from_its_own_on(durations: list[float]) -> None:
    histogram = Histogram()
    for seconds in durations:
        histogram.observe(seconds)
    buckets = list(histogram.cumulative())
    assert [count for _, count in buckets] == [
        sum(seconds <= bound for seconds in durations) for bound in (*BOUNDS, float("inf"))
    ]
    assert histogram.count == len(durations)
    assert histogram.sum == pytest.approx(sum(durations))


def test_bounds_grow() -> None:
    assert all(low < high for low, high in pairwise(BOUNDS))


# Metrics


def test_every_count_is_a_metric_of_its_own() -> None:
    assert sorted(NUMBERS) == sorted(set(Counts.__dataclass_fields__) - {"handlers", "jobs"})
    values = samples(BotStatus("a-bot", "open", counts=counts()))
    for name, (field, _) in COUNTERS.items():
        assert values[f"blazebot_{name}_total", "a-bot"] == getattr(counts(), field)
    for name, (field, _) in GAUGES.items():
        assert values[f"blazebot_{name}", "a-bot"] == getattr(counts(), field)


def test_bots_and_handlers_are_told_apart() -> None:
    slow, fast = HandlerCounts(), HandlerCounts()
    slow.seconds.observe(7.0)
    slow.failures = 3
    fast.seconds.observe(0.002)
    one = BotStatus("one", "open", counts=counts(slow=slow, fast=fast))
    other = BotStatus("other", "connecting", counts=replace(counts(), received=1))
    gone = BotStatus("gone", "stopped", "refused")
    values = samples(one, other, gone)
    states = {
        bot: (values["blazebot_up", bot], values["blazebot_line_open", bot])
        for bot in ("one", "other", "gone")
    }
    assert states == {"one": (1, 1), "other": (1, 0), "gone": (0, 0)}
    assert values["blazebot_messages_received_total", "other"] == 1
    assert ("blazebot_messages_received_total", "gone") not in values
    assert values["blazebot_handler_seconds_sum", "one", "slow"] == 7.0
    assert values["blazebot_handler_seconds_count", "one", "fast"] == 1
    assert values["blazebot_handler_seconds_bucket", "one", "slow", "5.0"] == 0
    assert values["blazebot_handler_seconds_bucket", "one", "slow", "10.0"] == 1
    assert values["blazebot_handler_failures_total", "one", "slow"] == 3
    assert values["blazebot_job_seconds_count", "one", "sweep"] == 0
    assert values["blazebot_job_failures_total", "other", "sweep"] == 0


def test_what_the_application_counts_is_there_too_and_in_open_metrics() -> None:
    teapots = Counter("teapots", "Teapots.")
    try:
        teapots.inc()
        body, content_type = exposition([], "application/openmetrics-text; version=1.0.0")
    finally:
        REGISTRY.unregister(teapots)
    assert content_type.startswith("application/openmetrics-text")
    parse_open: Any = openmetrics.text_string_to_metric_families  # which has no types
    families = {family.name for family in parse_open(body.decode())}
    assert {"teapots", "blazebot_up", "blazebot_handler_seconds"} <= families


# Who may look


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("LocalHost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.evil.example", False),
    ],
)
def test_what_loopback_is(host: str, local: bool) -> None:
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    ("host", "on_loopback", "beyond"),
    [
        ("127.0.0.1:9464", True, True),
        ("localhost", True, True),
        ("[::1]:9464", True, True),
        ("10.1.2.3:9464", False, True),
        ("bot.internal", True, True),  # allowed by name
        ("evil.example", False, False),
        ("evil.example:9464", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("user@localhost", False, False),
        ("localhost:999999", False, False),
        ("", False, False),
    ],
)
def test_which_names_it_answers_to(host: str, on_loopback: bool, beyond: bool) -> None:
    allowed = ("Bot.internal",)
    local = Guard(Address("127.0.0.1", 0, "", allowed))
    open_ = Guard(Address("0.0.0.0", 0, "secret", allowed))  # noqa: S104
    assert (local.answers_to(host), open_.answers_to(host)) == (on_loopback, beyond)


@pytest.mark.parametrize(
    ("authorization", "admitted"),
    [
        ("Bearer secret", True),
        ("bearer  secret ", True),
        ("Bearer wrong", False),
        ("Bearer ", False),
        ("Basic secret", False),
        ("secret", False),
        ("", False),
        pytest.param("Bearer \udce9", False, id="surrogate"),
    ],
)
def test_a_token_where_there_is_one(authorization: str, admitted: bool) -> None:
    for host in ("0.0.0.0", "127.0.0.1"):  # noqa: S104
        assert Guard(Address(host, 0, "secret")).admits(authorization) is admitted
    assert Guard(Address("127.0.0.1", 0)).admits(authorization)


def test_the_documentation_lists_every_metric() -> None:
    page = (Path(__file__).parents[2] / "docs" / "watching.md").read_text()
    listed = dict(re.findall(r"^\| `blazebot_(\w+)` \| (\w+) \|", page, re.MULTILINE))
    assert listed == {
        **{f"{name}_total": "counter" for name in COUNTERS},
        **dict.fromkeys(GAUGES, "gauge"),
        **{"up": "gauge", "line_open": "gauge"},
        **{f"{what}_seconds": "histogram" for what in ("handler", "job")},
        **{f"{what}_failures_total": "counter" for what in ("handler", "job")},
    }
