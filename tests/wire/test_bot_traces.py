"""Spans of OpenTelemetry: one for each message, in it one for each that is sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from blazebot import Bot, Job, Message, Text
from blazebot.bot import traces
from blazebot.errors import SettingsError
from tests.routed import make_bot
from tests.wire.conftest import Logged
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Where spans go during a test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(traces, "tracer", provider.get_tracer("blazebot"))
    yield exporter
    provider.shutdown()


def answering(bot: Bot) -> Bot:
    @bot.on(Text)
    async def answer(message: Message[Text]) -> None:
        if message.content.text == "poison":
            raise ValueError("no antidote")
        await message.reply(f"one: {message.content.text}")
        await bot.send(message.user_id, "two")

    return bot


def children(spans: Sequence[ReadableSpan], parent: ReadableSpan) -> list[ReadableSpan]:
    context = parent.get_span_context()
    assert context is not None
    return [
        one for one in spans if one.parent is not None and one.parent.span_id == context.span_id
    ]


async def test_each_message_is_a_span_with_what_was_sent_in_it(
    world: World, exporter: InMemorySpanExporter
) -> None:
    async with answering(await world.bot(traces=True, max_tries=1)) as bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "hi", "poison")
        await world.until(lambda: world.statuses(alice).get("poison") == "DELIVERED")
        await bot.send_batch([(alice, "three")])
    spans = exporter.get_finished_spans()
    handled = {
        (one.attributes or {})["messaging.message.id"]: one
        for one in spans
        if one.kind is SpanKind.CONSUMER
    }
    sent = {one["text"]: one["message_id"] for one in world.messages(alice)}
    span = handled[sent["hi"]]
    assert span.name == "handle PLAIN_TEXT"
    attributes = span.attributes or {}
    assert attributes["enduser.id"] == alice
    assert str(attributes["code.function.name"]).endswith("answering.<locals>.answer")
    assert [(one.attributes or {})["messaging.message.id"] for one in children(spans, span)] == [
        message["message_id"]
        for message in world.messages(alice)
        if message["user_id"] == bot.id and message["text"] in ("one: hi", "two")
    ][-2:]
    failed = handled[sent["poison"]]
    assert failed.status.status_code is StatusCode.ERROR
    assert [event.name for event in failed.events] == ["exception"]
    (batch,) = (one for one in spans if one.name == "send batch")
    assert (batch.attributes or {})["messaging.batch.message_count"] == 1


async def test_a_run_of_a_job_is_a_span_of_its_own(
    world: World, exporter: InMemorySpanExporter, logged: Logged
) -> None:
    bot = await world.bot(traces=True, max_tries=1)

    @bot.job
    async def remind(job: Job[str]) -> None:
        await bot.send(job.data, "remember")
        raise ValueError("that was all")

    @bot.command("remind")
    async def wanted(message: Message[Text]) -> None:
        await bot.jobs.schedule(remind, after=timedelta(0), key="tea", data=message.user_id)

    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "/remind")
        await world.until(lambda: "remember" in world.texts(alice, bot))
        await logged.until("job remind tea is given up")
        counts = bot.status().counts
    (span,) = (one for one in exporter.get_finished_spans() if one.name == "job remind")
    assert span.parent is None  # not the message that asked for it
    assert span.status.status_code is StatusCode.ERROR
    assert str((span.attributes or {})["code.function.name"]).endswith("<locals>.remind")
    assert [one.name for one in children(exporter.get_finished_spans(), span)] == ["send"]
    assert counts is not None
    assert counts.jobs["remind"].failures == 1
    assert counts.jobs["remind"].seconds.sum > 0


async def test_no_spans_unless_they_are_wanted(
    world: World, exporter: InMemorySpanExporter
) -> None:
    async with answering(await world.bot()) as bot:
        alice = await world.person(bot)
        await world.until(lambda: "one: Hello" in world.texts(alice, bot))
    assert not exporter.get_finished_spans()


async def test_without_the_extra_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.delitem(sys.modules, "blazebot.bot.traces")
    monkeypatch.delattr("blazebot.bot.traces")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    bot = make_bot()
    bot.use(bot.keystore, traces=True, data_dir=str(tmp_path), server="http://127.0.0.1:1")
    with pytest.raises(SettingsError, match=r"blazebot\[otel\]"):
        await bot.start()
