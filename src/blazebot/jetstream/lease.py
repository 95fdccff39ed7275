"""Who of a bot's gateways holds its line: a lease in a key-value bucket."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from typing import Final
from uuid import uuid4

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from blazebot.jetstream.connection import NatsError

logger = logging.getLogger("blazebot.jetstream")

RENEW_EVERY: Final = 1.0
"""Seconds between two renewals."""

LOST_AFTER: Final = 2.0
"""Seconds without a renewal after which the holder is none any more, by its own clock."""

TAKEN_AFTER: Final = 3.0
"""Seconds without a renewal after which another takes the lease, by its own clock."""

_LOOK_EVERY: Final = 0.25
_NOBODY: Final = b""


class Lease:
    """The lease ``key`` in ``bucket``. Times are measured by each one's own monotonic clock.

    A holder counts from when it began to renew, another from when it first saw that renewal: so
    the holder has let go before another takes it, however long messages travel.
    """

    def __init__(self, bucket: KeyValue, key: str) -> None:
        self._bucket = bucket
        self._key = key
        # Host and process are for whoever looks at it.
        self._holder = f"{socket.gethostname()} {os.getpid()} {uuid4()}".encode()
        self._revision = 0
        self._renewed_at = 0.0

    async def acquire(self) -> None:
        """Return when this one holds the lease; then :meth:`keep` it."""
        seen, seen_at = -1, 0.0
        while True:
            asked_at = time.monotonic()
            try:
                revision, holder = await self._look()
                if revision != seen:
                    seen, seen_at = revision, time.monotonic()
                elif holder != _NOBODY and asked_at - seen_at < TAKEN_AFTER:
                    pass
                else:
                    self._revision = await self._bucket.update(
                        self._key, self._holder, last=revision
                    )
                    self._renewed_at = asked_at
                    return
            except KeyWrongLastSequenceError:
                continue  # another was quicker
            except (NatsError, TimeoutError) as error:
                logger.debug(
                    "the lease cannot be looked at: %s", str(error) or type(error).__name__
                )
            await asyncio.sleep(_LOOK_EVERY)

    async def keep(self) -> None:
        """Renew the lease; return when it is lost."""
        while (left := self._renewed_at + LOST_AFTER - time.monotonic()) > 0:
            await asyncio.sleep(min(RENEW_EVERY, left))
            asked_at = time.monotonic()
            left = self._renewed_at + LOST_AFTER - asked_at
            try:
                async with asyncio.timeout(left):
                    self._revision = await self._bucket.update(
                        self._key, self._holder, last=self._revision
                    )
                self._renewed_at = asked_at
            except KeyWrongLastSequenceError:
                if not await self._is_still_ours(left):
                    logger.warning("another gateway has taken the lease")
                    return
            except (NatsError, TimeoutError) as error:
                logger.debug("the lease is not renewed: %s", str(error) or type(error).__name__)
        logger.warning("the lease was not renewed in time")

    async def give_up(self) -> None:
        """Let another take the lease at once, if it is still ours and NATS can be reached."""
        try:
            async with asyncio.timeout(LOST_AFTER):
                await self._bucket.update(self._key, _NOBODY, last=self._revision)
        except (NatsError, TimeoutError) as error:
            logger.debug("the lease is not given up: %s", str(error) or type(error).__name__)

    async def _look(self) -> tuple[int, bytes]:
        try:
            entry = await self._bucket.get(self._key)
        except KeyNotFoundError:
            return 0, _NOBODY
        return entry.revision or 0, entry.value or _NOBODY

    async def _is_still_ours(self, within: float) -> bool:
        """Tell whether a renewal took effect whose answer did not come."""
        try:
            async with asyncio.timeout(within):
                revision, holder = await self._look()
        except (NatsError, TimeoutError):
            return True  # not known; if nothing comes it is lost soon
        self._revision = revision
        return holder == self._holder
