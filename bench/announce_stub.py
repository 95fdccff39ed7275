"""A stub of the service that takes messages by REST at once, and counts them by their ids.

It prints its address; when all ``messages`` have come, it prints how long they took.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from typing import Final

import msgspec
from aiohttp import web

from bench.loops import run

HOST: Final = "127.0.0.1"

_ID = re.compile(rb'"message_id":"([0-9a-f-]{36})"')


class Outcome(msgspec.Struct):
    """What came: messages of different ids, all that were written, seconds from first to last."""

    messages: int
    written: int
    seconds: float


class Stub:
    """Takes messages until there are ``messages`` of different ids."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._ids: set[bytes] = set()
        self._written = 0
        self._began = 0.0
        self._ended = 0.0
        self.complete = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        if not self._began:
            self._began = time.perf_counter()
        found = _ID.findall(await request.read())
        self._written += len(found)
        self._ids.update(found)
        if len(self._ids) >= self._messages:
            self._ended = time.perf_counter()
            self.complete.set()
        headers = {"X-Request-Id": request.headers.get("X-Request-Id", "")}
        return web.Response(body=b'{"data":{}}', headers=headers)

    def outcome(self) -> Outcome:
        return Outcome(len(self._ids), self._written, self._ended - self._began)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("messages", type=int)
    stub = Stub(parser.parse_args().messages)
    application = web.Application(client_max_size=2**20)
    application.router.add_post("/messages", stub.take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    print(f"http://{HOST}:{runner.addresses[0][1]}", flush=True)
    await stub.complete.wait()
    print(msgspec.json.encode(stub.outcome()).decode(), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await runner.cleanup()


if __name__ == "__main__":
    run(main())
