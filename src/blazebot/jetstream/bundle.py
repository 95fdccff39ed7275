"""What is to be published soon, in as few messages as the turns of the loop allow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from blazebot.jetstream.connection import GIVE_UP, NatsError

logger = logging.getLogger("blazebot.jetstream")

LARGEST: Final = 512 * 1024
"""Bytes of one bundle, unless one item is larger; NATS takes a MiB unless told otherwise."""


class Bundle:
    """Gathers items, each JSON, and has them published as lists; a failure is logged, no more.

    ``publish`` takes a subject and a list. Of a subject nothing is kept once its items have left.
    """

    def __init__(self, publish: Callable[[str, bytes], Awaitable[None]]) -> None:
        self._publish = publish
        self._items: dict[str, list[bytes]] = {}
        self._publishing: asyncio.Task[None] | None = None

    def add(self, subject: str, item: bytes) -> None:
        """Have an item published; never waits."""
        self._items.setdefault(subject, []).append(item)
        if self._publishing is None:
            self._publishing = asyncio.create_task(self._run())

    async def flush(self) -> None:
        """Return when all is published or has failed, or does not end."""
        if self._publishing is not None:
            await asyncio.wait((self._publishing,), timeout=GIVE_UP)

    async def _run(self) -> None:
        try:
            while self._items:
                items, self._items = self._items, {}
                for subject, theirs in items.items():
                    await self._publish_all(subject, theirs)
        finally:
            self._publishing = None

    async def _publish_all(self, subject: str, items: list[bytes]) -> None:
        for body in bundled(items):
            try:
                await self._publish(subject, body)
            except NatsError as error:
                logger.debug("not published: %s", str(error) or type(error).__name__)


def bundled(items: list[bytes], largest: int = LARGEST) -> list[bytes]:
    """Return items, each JSON, as lists of at most so many bytes."""
    groups: list[list[bytes]] = []
    room = 0
    for item in items:
        if not groups or len(item) + 1 > room:
            groups.append([])
            room = largest - 2
        groups[-1].append(item)
        room -= len(item) + 1
    return [b"[" + b",".join(group) + b"]" for group in groups]
