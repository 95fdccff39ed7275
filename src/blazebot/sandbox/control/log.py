"""The control API's part that shows the wire log, as JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from blazebot.sandbox.control.operations import Operation
from blazebot.sandbox.wire_log import WireLog, document
from blazebot.wire.codec import encode_json

__all__ = ["LogOperations"]

_JSON_LINES: Final = "application/x-ndjson"

_PAGE: Final = 200


class LogQuery(msgspec.Struct):
    """Which entries: those with a greater number than ``after``, of one bot or of all.

    ``follow``: go on with what comes, until the caller hangs up.
    """

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, Meta(ge=1, le=2**62)] = 2**62
    bot_id: str = ""
    follow: bool = False


class LogOperations:
    """Shows the wire log."""

    def __init__(self, log: WireLog) -> None:
        self._log = log

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(
                "GET",
                "/log",
                self._show,
                query=LogQuery,
                answer=dict[str, Any],
                media_type=_JSON_LINES,
            )
        ]

    async def _show(self, request: web.Request, query: LogQuery) -> web.StreamResponse:
        """Show what went over the wire, the oldest that is kept first; one entry a line."""
        response = web.StreamResponse(headers={"Content-Type": _JSON_LINES})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # the caller hangs up when it has enough
            await self._write(response, query)
        return response

    async def _write(self, response: web.StreamResponse, query: LogQuery) -> None:
        cursor, left, end = query.after, query.limit, self._log.last
        while left > 0:
            page = self._log.entries(cursor, min(left, _PAGE), query.bot_id.lower())
            if not query.follow:
                page = [entry for entry in page if entry.number <= end]
            if page:
                cursor, left = page[-1].number, left - len(page)
                for entry in page:  # one may be some MiB once it is inflated
                    await response.write(encode_json(document(entry)) + b"\n")
                    await asyncio.sleep(0)
            elif not query.follow:
                break
            else:
                cursor = self._log.last
                if not await self._log.wait(cursor):
                    break
