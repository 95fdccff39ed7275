"""Publishing what JetStream is to keep once."""

from __future__ import annotations

import asyncio
from typing import Final

from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import Header, PubAck

from blazebot.jetstream.connection import NatsError

_ANSWERED: Final = 2.0  # seconds for a PubAck, before it is published again
_TRIES: Final = 3


async def publish_once(js: JetStreamContext, subject: str, body: bytes, name: str) -> PubAck:
    """Publish a message that is called ``name`` whenever it is published; return once it is kept.

    A leader that has only proposed a message answers its repeat as a duplicate without a number.
    Servers before 2.11 may then have lost it, and say so until the duplicate window is over
    (nats-server, pull request 6415). So it is published under another name: there twice, it takes
    effect once all the same.

    Raises:
        NatsError, TimeoutError: whether it is kept is not known.
    """
    for each in (name, f"{name}:again"):
        kept = await _publish(js, subject, body, each)
        if kept.seq:
            return kept
    raise NatsTimeout


async def _publish(js: JetStreamContext, subject: str, body: bytes, name: str) -> PubAck:
    tries_left = _TRIES
    while True:
        tries_left -= 1
        try:
            answer = await js.publish_async(subject, body, headers={Header.MSG_ID: name})
            async with asyncio.timeout(_ANSWERED):
                return await answer
        except (NatsError, TimeoutError):
            if not tries_left:
                raise
