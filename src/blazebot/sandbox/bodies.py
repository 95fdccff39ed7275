"""Bodies of requests that are read whole: in time, and with an end to what all of them take."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import ContentEncodingError

from blazebot.sandbox.rules.refusals import bad_request, busy, too_large, too_slow

__all__ = ["BODIES", "BODY_LIMIT", "Bodies", "read_whole"]

BODY_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one body, once inflated."""

_TOGETHER: Final = 4 * BODY_LIMIT
"""Bytes of all bodies that are being read; beyond it large ones are refused."""

_SMALL: Final = 64 * 1024
"""Bytes that any body may have, however many others are being read."""


class Bodies:
    """Reads the bodies of a sandbox's requests, each within so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held = 0

    async def read(self, request: web.Request) -> bytes:
        """Return the body of a request. Unlike aiohttp's own way it is kept nowhere.

        Raises:
            ServiceError: 400, it broke off or is not encoded as it says; 408, it did not come in
                time; 413, it is too large; 503, too much is being read already.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.content.iter_any():
                    body += chunk
                    self._held += len(chunk)
                    if len(body) > BODY_LIMIT:
                        raise too_large(BODY_LIMIT)
                    if self._held > _TOGETHER and len(body) > _SMALL:
                        raise busy()
        except TimeoutError:
            raise too_slow(self._seconds) from None
        except (web.RequestPayloadError, ContentEncodingError):
            raise bad_request("the body broke off, or is not encoded as it says") from None
        finally:
            self._held -= len(body)
        return bytes(body)


BODIES: Final = web.AppKey("BODIES", Bodies)
"""Where an application has its reader of bodies."""


async def read_whole(request: web.Request) -> bytes:
    """Return the body of a request; raises as :meth:`Bodies.read`."""
    if not request.can_read_body:
        return b""
    return await request.config_dict[BODIES].read(request)
