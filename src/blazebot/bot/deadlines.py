"""Deadlines of handlers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from blazebot.errors import HandlerTimeout


@asynccontextmanager
async def handler_deadline(seconds: float, what: str, setting: str) -> AsyncIterator[None]:
    """Give what runs within ``seconds``.

    Raises:
        HandlerTimeout: it took longer and was cancelled; the message names ``what`` it is, and the
            ``setting``.
    """
    try:
        async with asyncio.timeout(seconds) as deadline:
            yield
    except TimeoutError:
        if not deadline.expired():
            raise
        raise HandlerTimeout(f"{what} ran for more than {seconds:g} s; see {setting}") from None
