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

_RUN: Final = "Log-Run"

_PAGE: Final = 200


class LogQuery(msgspec.Struct):
    """Which entries: those with a greater number than ``after``, of one bot or of all.

    ``newest``: only of so many that came last, and not all that are kept. ``containing``: only
    those with this text in their JSON, such as the id of a message. ``follow``: go on with what
    comes, until the caller hangs up. ``run``: the run of the sandbox that ``after`` is of, "" if
    it is not known; in another, all entries have come after it.
    """

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    run: str = ""
    limit: Annotated[int, Meta(ge=1, le=2**62)] = 2**62
    newest: Annotated[int, Meta(ge=0, le=2**62)] = 2**62
    bot_id: str = ""
    containing: Annotated[str, Meta(max_length=200)] = ""
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
        """Show what went over the wire, the oldest that is kept first; one entry a line.

        Entries count from 1 in each run of the sandbox. The header ``Log-Run`` says which run this
        is: who goes on later sends it as ``run``, with ``after``, and misses nothing of a new one.
        """
        headers = {"Content-Type": _JSON_LINES, _RUN: self._log.run}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # the caller hangs up when it has enough
            await self._write(request, response, query)
        return response

    async def _write(
        self, request: web.Request, response: web.StreamResponse, query: LogQuery
    ) -> None:
        left, end, sought = query.limit, self._log.last, query.containing.encode(errors="replace")
        # A number of an earlier run says nothing here; one that lies ahead is of such a run.
        is_known = query.run in ("", self._log.run) and query.after <= end
        cursor = max(query.after if is_known else 0, end - query.newest)
        # Where nothing is found nothing is written, and no write tells that the caller is gone.
        while left > 0 and request.transport is not None:
            page = self._log.entries(cursor, min(left, _PAGE), query.bot_id.lower())
            if not query.follow:
                page = [entry for entry in page if entry.number <= end]
            if page:
                cursor = page[-1].number
                for entry in page:  # one may be some MiB once it is inflated
                    text = encode_json(document(entry))
                    if sought in text:
                        await response.write(text + b"\n")
                        left -= 1
                    await asyncio.sleep(0)
            elif not query.follow:
                break
            else:
                cursor = self._log.last
                if not await self._log.wait(cursor):
                    break
