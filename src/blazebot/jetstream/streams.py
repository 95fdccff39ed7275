"""Declaring streams, consumers and buckets, and reading them back.

Fields that a server does not know it drops without a word, so what it has made is compared with
what it was asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError
from nats.js.kv import KeyValue

from blazebot.errors import EngineError
from blazebot.jetstream.connection import NatsError
from blazebot.jetstream.names import GATEWAY_CONSUMER, GATEWAYS_BUCKET, Names, consumer_of
from blazebot.wire.limits import RETENTION

T = TypeVar("T")

DUPLICATE_WINDOW: Final = 600.0
"""Seconds for which JetStream remembers the ids of messages: a gateway that takes over, or a
service that pushes again, does so within."""

ACK_WAIT: Final = 5.0
"""Seconds after which another worker gets the message of one that does not report progress."""

UNACKNOWLEDGED: Final = 1
"""Messages of a partition that are at workers at once: this keeps the order, also where one is
put off or comes again."""

RECEIPTS_ACK_WAIT: Final = 10.0
"""Seconds after which what was handled is told again, to another gateway if the first is gone."""

_PARTITIONS: Final = "Blazebot, partitions: "
_PATIENCE: Final = 30.0  # seconds for a cluster to have its leaders
_PAUSE: Final = 0.25
_AT_ONCE: Final = 32
_NOT_DELETED: Final = 10057  # what JetStream says when a message is not deleted
_GONE: Final = "no message found"  # because it is gone already
_WAITING_PULLS: Final = 512  # workers of one bot


@dataclass(frozen=True)
class Terms:
    """How much of it: partitions of the messages, and replicas of everything."""

    partitions: int
    replicas: int


async def declare(js: JetStreamContext, names: Names, terms: Terms) -> None:
    """Make the streams and consumers of a bot where they are missing.

    Raises:
        EngineError: they are there with another configuration, the server has dropped some of it,
            or JetStream does not answer.
    """
    streams = (
        _stream(
            names.messages,
            names.partition_subject("*"),
            terms,
            # Others that count on another number of partitions would break the order.
            description=f"{_PARTITIONS}{terms.partitions}",
        ),
        _stream(names.handled, names.subject("handled"), terms),
        _stream(names.outbox, names.subject("outbox", "*"), terms),
        # A message that is buried again replaces what was kept of it.
        _stream(names.dead_letters, names.dead_letter_subject("*"), terms, of_each_subject=1),
    )
    for stream in streams:
        await _patiently(lambda stream=stream: _declare_stream(js, stream))  # type: ignore[misc]
    consumers = [
        (
            names.messages,
            ConsumerConfig(
                durable_name=consumer_of(partition),
                filter_subject=names.partition_subject(partition),
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_WAIT,
                max_ack_pending=UNACKNOWLEDGED,
                max_waiting=_WAITING_PULLS,
            ),
        )
        for partition in range(terms.partitions)
    ]
    consumers.append(
        (
            names.handled,
            ConsumerConfig(
                durable_name=GATEWAY_CONSUMER,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=RECEIPTS_ACK_WAIT,
                max_ack_pending=1000,
            ),
        )
    )
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(stream: str, consumer: ConsumerConfig) -> None:
        async with room:
            await _patiently(lambda: _declare_consumer(js, stream, consumer))

    await asyncio.gather(*(one(stream, consumer) for stream, consumer in consumers))


async def gateways_bucket(js: JetStreamContext, terms: Terms) -> KeyValue:
    """Return the bucket of holders, made where it is missing; raises as :func:`declare`."""
    return await _patiently(lambda: _declare_bucket(js, GATEWAYS_BUCKET, terms))


async def jobs_bucket(js: JetStreamContext, names: Names, terms: Terms) -> KeyValue:
    """Return the bucket of a bot's jobs, made where it is missing; raises as declare."""
    return await _patiently(lambda: _declare_bucket(js, names.jobs, terms))


async def states_bucket(js: JetStreamContext, names: Names, terms: Terms) -> KeyValue:
    """Return the bucket of a bot's states, made where it is missing; raises as declare."""
    return await _patiently(lambda: _declare_bucket(js, names.states, terms))


async def erase(js: JetStreamContext, stream: str, number: int) -> bool:
    """Take one message out of a stream; return whether it was there. Raises NatsError."""
    try:
        await js.delete_msg(stream, number)
    except NotFoundError:
        return False
    except APIError as error:
        if error.err_code == _NOT_DELETED and _GONE in (error.description or ""):
            return False
        raise
    return True


def dropped(asked: dict[str, Any], made: dict[str, Any]) -> list[str]:
    """Return the fields of a configuration that are not as they were asked for."""
    return sorted(
        name for name, value in asked.items() if value is not None and made.get(name) != value
    )


async def declared_partitions(js: JetStreamContext, names: Names) -> int:
    """Return how many partitions a bot's messages have; raises EngineError: none are declared."""
    try:
        config = (await js.stream_info(names.messages)).config
    except NotFoundError:
        raise EngineError(
            f"there is no engine for bot {names.app_id} yet: blazebot engine init makes it"
        ) from None
    except NatsError as error:
        raise EngineError(
            f"JetStream does not answer: {str(error) or type(error).__name__}"
        ) from None
    count = (config.description or "").removeprefix(_PARTITIONS)
    if not count.isdecimal():
        raise EngineError(
            f"stream {names.messages} does not say how many partitions it has: it is none of "
            "Blazebot's, or its description was changed"
        )
    return int(count)


def _stream(
    name: str,
    subject: str,
    terms: Terms,
    *,
    description: str = "Blazebot",
    of_each_subject: int = -1,
) -> StreamConfig:
    return StreamConfig(
        name=name,
        description=description,
        subjects=[subject],
        max_msgs_per_subject=of_each_subject,
        # Not work queue or interest: those forget, at a restart, the ids of removed messages.
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        max_age=float(RETENTION),
        duplicate_window=DUPLICATE_WINDOW,
        num_replicas=terms.replicas,
    )


async def _declare_stream(js: JetStreamContext, config: StreamConfig) -> None:
    name = config.name or ""
    try:
        made = (await js.stream_info(name)).config
    except NotFoundError:
        made = (await js.add_stream(config)).config
    _check(f"the stream {name}", config.as_dict(), made.as_dict())


async def _declare_consumer(js: JetStreamContext, stream: str, config: ConsumerConfig) -> None:
    made = (await js.add_consumer(stream, config)).config
    _check(
        f"the consumer {config.durable_name} of {stream}",
        config.as_dict(),
        {} if made is None else made.as_dict(),
    )


async def _declare_bucket(js: JetStreamContext, bucket: str, terms: Terms) -> KeyValue:
    try:
        made = await js.key_value(bucket)
    except NotFoundError:
        made = await js.create_key_value(
            KeyValueConfig(
                bucket=bucket, history=1, storage=StorageType.FILE, replicas=terms.replicas
            )
        )
    # Not all that the client asks for by itself: it asks for what newer servers know.
    asked = {"num_replicas": terms.replicas, "max_msgs_per_subject": 1, "allow_rollup_hdrs": True}
    config = (await js.stream_info(f"KV_{bucket}")).config
    _check(f"the bucket {bucket}", asked, config.as_dict())
    return made


def _check(what: str, asked: dict[str, Any], made: dict[str, Any]) -> None:
    if names := dropped(asked, made):
        fields = ", ".join(f"{one}: {made.get(one)!r}, not {asked[one]!r}" for one in names)
        raise EngineError(
            f"{what} is not as it should be ({fields}): it was made with other settings "
            "(engine_partitions, engine_replicas), or this nats-server is too old"
        )


async def _patiently(declare_one: Callable[[], Awaitable[T]]) -> T:
    """Return what ``declare_one`` does, again and again while a cluster has no leader for it."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await declare_one()
        except (ServiceUnavailableError, NatsTimeout, NoRespondersError) as error:
            if time.monotonic() > deadline:
                raise EngineError(
                    f"JetStream does not answer in {_PATIENCE:g} s ({error}): see that nats-server "
                    "runs with -js, and that most of its nodes are up"
                ) from None
            await asyncio.sleep(_PAUSE)
        except APIError as error:
            raise EngineError(f"JetStream refuses: {error.description}") from None
