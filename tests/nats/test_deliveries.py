"""Messages of a worker whose taking fails in a way that nobody has foreseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from nats.js import JetStreamContext

from blazebot.jetstream import pulling
from blazebot.jetstream.deliveries import Deliveries
from blazebot.jetstream.names import Names
from blazebot.jetstream.streams import Terms, declare
from blazebot.wire.codec import encode_json
from blazebot.wire.messages import READ, MessageView

NAMES = Names("82d20bc7-9a97-4a69-bcd0-4da502374f6c")
TERMS = Terms(partitions=1, replicas=1)
IDS = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"]
WORDS = "nobody has foreseen this"


def failing_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that fails when it is called first."""
    failed = False

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal failed
        if not failed:
            failed = True
            raise LookupError(WORDS)
        return function(*arguments, **named)

    return call


@pytest.mark.parametrize("where", ["offering", "noting", "pulling"])
async def test_a_partition_goes_on_after_an_error_that_nobody_has_foreseen(
    where: str,
    js: JetStreamContext,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await declare(js, NAMES, TERMS)
    for message_id in IDS:
        view = MessageView(message_id=message_id)
        await js.publish(NAMES.partition_subject(0), encode_json(view))
    monkeypatch.setattr(pulling, "PAUSE", 0.05)
    monkeypatch.setattr(pulling, "AGAIN_AFTER", 0.05)
    settled: list[str] = []
    both = asyncio.Event()

    def offer(view: MessageView) -> None:
        deliveries.settle(view.message_id, READ)

    def note_settled(message_id: str) -> None:
        settled.append(message_id)
        if len(settled) == len(IDS):
            both.set()

    if where == "noting":
        monkeypatch.setattr(js, "publish", failing_once(js.publish))
    elif where == "pulling":
        monkeypatch.setattr(js, "pull_subscribe_bind", failing_once(js.pull_subscribe_bind))
    deliveries = Deliveries(
        js,
        NAMES,
        TERMS.partitions,
        offer=failing_once(offer) if where == "offering" else offer,
        replay=offer,
        settled=note_settled,
    )
    deliveries.start()
    try:
        await asyncio.wait_for(both.wait(), 4)  # sooner than JetStream would by itself
    finally:
        await deliveries.stop()
    assert settled == IDS  # in their order, and each once
    assert WORDS in caplog.text
