"""How the engine is doing, for whoever looks at it from outside."""

from __future__ import annotations

import msgspec
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import APIError, NotFoundError

from blazebot.errors import EngineError
from blazebot.jetstream.connection import NatsError
from blazebot.jetstream.names import GATEWAY_CONSUMER, GATEWAYS_BUCKET, Names

_PAGE = 256  # consumers in one answer


class EngineStatus(msgspec.Struct, kw_only=True):
    """How one bot's engine is doing: numbers of messages, and who holds the line.

    ``waiting`` are with no worker yet, ``at_workers`` with one; ``redelivered`` are those of them
    that had been with another. ``unacknowledged`` notes of what was handled are not yet told to the
    service, ``outbox`` are messages to be sent. ``holder`` is the gateway's host and process,
    None where there is none.
    """

    bot_id: str
    holder: str | None
    waiting: int
    at_workers: int
    redelivered: int
    unacknowledged: int
    outbox: int
    dead_letters: int


async def read_status(js: JetStreamContext, names: Names) -> EngineStatus:
    """Return how a bot's engine is doing.

    Raises:
        EngineError: there is none for this bot, or NATS does not answer.
    """
    try:
        partitions = await _consumers(js, names.messages)
        notes = await js.consumer_info(names.handled, GATEWAY_CONSUMER)
        outbox = await js.stream_info(names.outbox, subjects_filter=names.outbox_waiting)
        dead_letters = (await js.stream_info(names.dead_letters)).state.messages
        holder = await _holder(js, names)
    except NotFoundError:
        raise EngineError(
            f"there is no engine for bot {names.app_id} yet: blazebot engine init makes it"
        ) from None
    except NatsError as error:
        words = error.description if isinstance(error, APIError) else str(error)
        raise EngineError(f"JetStream does not answer: {words or type(error).__name__}") from None
    return EngineStatus(
        bot_id=names.app_id,
        holder=holder,
        waiting=sum(one.num_pending or 0 for one in partitions),
        at_workers=sum(one.num_ack_pending or 0 for one in partitions),
        redelivered=sum(one.num_redelivered or 0 for one in partitions),
        unacknowledged=(notes.num_pending or 0) + (notes.num_ack_pending or 0),
        outbox=(outbox.state.subjects or {}).get(names.outbox_waiting, 0),
        dead_letters=dead_letters,
    )


async def _consumers(js: JetStreamContext, stream: str) -> list[ConsumerInfo]:
    await js.stream_info(stream)  # of none there are no consumers, and no error
    found: list[ConsumerInfo] = []
    while len(page := await js.consumers_info(stream, offset=len(found))) == _PAGE:
        found += page
    return found + list(page)


async def _holder(js: JetStreamContext, names: Names) -> str | None:
    try:
        entry = await (await js.key_value(GATEWAYS_BUCKET)).get(names.app_id)
    except NotFoundError:
        return None
    holder = (entry.value or b"").decode(errors="replace").rpartition(" ")[0]
    host, _, process = holder.partition(" ")
    return f"{host}, process {process}" if host else None
