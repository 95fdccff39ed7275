"""Metrics for Prometheus. They are made when somebody asks: until then they cost nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import REGISTRY, Collector

from blazebot.watch.counts import BotStatus, HandlerCounts

COUNTERS: Final = {
    "messages_received": ("received", "Messages pushed by the service, repeats among them."),
    "messages_handled": ("handled", "Messages whose handler succeeded, or that none takes."),
    "messages_failed": ("failed", "Tries of a message that failed."),
    "messages_retried": ("retried", "Messages put off to a further try after one that failed."),
    "messages_redelivered": ("redelivered", "Repeats: at hand, or handled already, and ignored."),
    "messages_let_go": ("let_go", "Messages let go for want of room, to be asked for again."),
    "messages_acknowledged": ("acknowledged", "Messages whose acknowledgement is confirmed."),
    "messages_buried": ("buried", "Messages that became dead letters."),
    "messages_sent": ("sent", "Messages sent that the service has taken."),
    "bad_frames": ("bad_frames", "Frames skipped because they could not be read."),
    "reconnects": ("reconnects", "Lines opened after the first."),
}
"""By name: the field of :class:`Counts`, which only grows while the bot runs, and its meaning."""

GAUGES: Final = {
    "messages_in_flight": ("in_flight", "Messages whose handler is running."),
    "messages_at_hand": ("at_hand", "Messages taken in and not yet done with."),
    "dead_letters": ("dead_letters", "Dead letters kept on disk."),
    "quota_used_messages": ("quota_used", "Messages of the last minute, of all processes."),
    "quota_messages": ("quota", "Messages that the service takes from one bot in a minute."),
}
"""By name: the field of :class:`Counts`, which is of now, and its meaning."""

_PREFIX: Final = "blazebot_"


def exposition(statuses: Sequence[BotStatus], accept: str) -> tuple[bytes, str]:
    """Return the metrics of bots in the form that an ``Accept`` header asks for, and its type.

    What the application has registered with ``prometheus_client`` is among them.
    """
    encode, content_type = choose_encoder(accept)
    return encode(_Metrics(statuses)), content_type


class _Metrics(Collector):
    def __init__(self, statuses: Sequence[BotStatus]) -> None:
        self._statuses = statuses

    def collect(self) -> Iterator[Metric]:
        yield from metrics_of(self._statuses)
        yield from REGISTRY.collect()


def metrics_of(statuses: Sequence[BotStatus]) -> Iterator[Metric]:
    """Yield the metrics of bots, labelled with the bot's id and, of handlers, with the name."""
    up = {one.bot_id: one.state != "stopped" for one in statuses}
    yield _gauge("up", "Whether the bot runs.", up)
    is_open = {one.bot_id: one.state == "open" for one in statuses}
    yield _gauge("line_open", "Whether the bot's line to the service is open.", is_open)
    counts = {one.bot_id: one.counts for one in statuses if one.counts is not None}
    for name, (field, meaning) in COUNTERS.items():
        counter = CounterMetricFamily(_PREFIX + name, meaning, labels=("bot",))
        for bot_id, one in counts.items():
            counter.add_metric((bot_id,), getattr(one, field))
        yield counter
    for name, (field, meaning) in GAUGES.items():
        yield _gauge(name, meaning, {bot_id: getattr(one, field) for bot_id, one in counts.items()})
    yield from _of_functions(
        "handler",
        "How long a message took, filters and middleware included.",
        {bot_id: one.handlers for bot_id, one in counts.items()},
    )
    yield from _of_functions(
        "job",
        "How long a run of a job took, middleware included.",
        {bot_id: one.jobs for bot_id, one in counts.items()},
    )


def _gauge(name: str, meaning: str, values: Mapping[str, float]) -> Metric:
    gauge = GaugeMetricFamily(_PREFIX + name, meaning, labels=("bot",))
    for bot_id, value in values.items():
        gauge.add_metric((bot_id,), value)
    return gauge


def _of_functions(
    what: str, meaning: str, bots: Mapping[str, Mapping[str, HandlerCounts]]
) -> Iterator[Metric]:
    labels = ("bot", what)
    seconds = HistogramMetricFamily(f"{_PREFIX}{what}_seconds", meaning, labels=labels)
    failures = CounterMetricFamily(
        f"{_PREFIX}{what}_failures", f"Runs of a {what} that failed.", labels=labels
    )
    for bot_id, functions in bots.items():
        for name, counts in functions.items():
            of = (bot_id, name)
            seconds.add_metric(of, list(counts.seconds.cumulative()), counts.seconds.sum)
            failures.add_metric(of, counts.failures)
    yield seconds
    yield failures
