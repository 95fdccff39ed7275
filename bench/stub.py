"""A stub of the message service, in a process of its own, that checks what its client does.

It prints its address and certificate, and waits for a line on standard input to begin to push.
When the client has done its work, or the time is up, it prints the outcome.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
from aiohttp import WSMsgType, web

from bench.certificate import HOST, make_certificate
from bench.checker import Checker
from bench.encryption import Senders, Session
from bench.frames import (
    ACKNOWLEDGE,
    ACKNOWLEDGE_BATCH,
    CREATE,
    LIST_PENDING,
    SUBPROTOCOL,
    Params,
    Receipt,
    Request,
    Sent,
    compress,
    decode_base64,
    decompress,
    encode_push,
    make_texts,
)
from bench.loops import run
from bench.measured import WORKS

CONVERSATIONS: Final = 1_000

ECHO_WINDOW: Final = 2_000
"""Texts unacknowledged at most while echoes are asked for, so that they come as to a live bot."""

ENCODED_BEFORE: Final = 100_000
"""Frames that are made before the run; what goes beyond is made as it is pushed, to save memory."""

_PUSHED_TOGETHER: Final = 50
_UNWRITTEN_LIMIT: Final = 1 << 20
_LINGER: Final = 0.2  # seconds in which a client may still do something twice

_decode = msgspec.json.Decoder(Request).decode
_encode = msgspec.json.Encoder().encode
_receipts = msgspec.json.Decoder(list[Receipt])


class Address(msgspec.Struct):
    """Where a stub listens, and the file that its client has to trust."""

    url: str
    certificate: str


class Outcome(msgspec.Struct):
    """What a stub saw: seconds from the first push to the last acknowledgement, and faults.

    ``latencies`` are the seconds from each push to its echo, where they come one at a time.
    """

    seconds: float
    pushes: int
    faults: dict[str, int]
    latencies: list[float]


class Stub:
    """Pushes ``sent``, the texts of a client's ``work``, and checks what comes back.

    They are encrypted if there are ``senders``.
    """

    def __init__(self, sent: Sequence[Sent], work: str, senders: Senders | None = None) -> None:
        echo = work in ("echo", "latency")
        self._sent = sent
        self._user_id, self._session_id = str(uuid4()), str(uuid4())
        self._encrypt = None if senders is None else senders.encrypt
        self._frames = [self._encode(one) for one in sent[:ENCODED_BEFORE]]
        self.checker = Checker(sent, echo=echo)
        self.window = ECHO_WINDOW if echo else len(sent)
        self.one_at_a_time = work == "latency"
        self.latencies: list[float] = []
        self.begin = asyncio.Event()
        self.complete = asyncio.Event()
        self.first_push: float | None = None
        self.last_receipt = 0.0
        self.pushes = 0
        self.connections = 0

    def frame(self, number: int) -> bytes:
        """Return the frame that pushes the text with this number."""
        if number < len(self._frames):
            return self._frames[number]
        return self._encode(self._sent[number])

    def _encode(self, sent: Sent) -> bytes:
        push = encode_push(sent, self._user_id, self._session_id, self._encrypt)
        return _socket_frame(push)

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/", self._blaze)
        application.router.add_get("/me", self._me)
        application.router.add_post("/acknowledgements", self._acknowledgements)
        return application

    @property
    def count(self) -> int:
        """How many texts there are."""
        return len(self._sent)

    def outcome(self) -> Outcome:
        faults = self.checker.faults
        if self.connections > 1:
            faults["line lost"] = self.connections - 1
        seconds = self.last_receipt - (self.first_push or self.last_receipt)
        return Outcome(seconds, self.pushes, faults, self.latencies)

    def acknowledged(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            self.checker.on_receipt(receipt.message_id)
        if self.checker.complete and not self.complete.is_set():
            self.last_receipt = time.perf_counter()
            self.complete.set()

    async def _blaze(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), compress=False, heartbeat=15, max_msg_size=0
        )
        await socket.prepare(request)
        self.connections += 1
        if request.transport is not None:
            await _Line(self, request.transport).serve(socket)
        return socket

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response({"data": {"type": "user", "user_id": str(uuid4())}})

    async def _acknowledgements(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.acknowledged(_receipts.decode(body))
        return web.json_response(body=b'{"data":' + body + b"}")


class _Line:
    """One connection. Frames are written ready-made, many in one write."""

    def __init__(self, stub: Stub, transport: asyncio.Transport) -> None:
        self._stub = stub
        self._transport = transport
        self._next = 0  # the number of the text to push next
        self._room = asyncio.Event()
        self._answers: list[bytes] = []
        self._pushed_at = 0.0

    async def serve(self, socket: web.WebSocketResponse) -> None:
        pushing: asyncio.Task[None] | None = None
        try:
            async for message in socket:
                if message.type is not WSMsgType.BINARY:
                    continue
                request = _decode(decompress(message.data))
                self._take(request)
                if request.action == LIST_PENDING and pushing is None:
                    pushing = asyncio.create_task(self._push())
        finally:
            if pushing is not None:
                pushing.cancel()

    def _take(self, request: Request) -> None:
        params = request.params or Params()
        message_id = ""
        if request.action == CREATE:
            message_id = params.message_id
            text = decode_base64(params.data_base64 or params.data or "").decode()
            if self._stub.one_at_a_time:
                self._stub.latencies.append(time.perf_counter() - self._pushed_at)
                self._room.set()
            self._stub.checker.on_echo(params.conversation_id, message_id, text)
        elif request.action == ACKNOWLEDGE_BATCH:
            self._stub.acknowledged(params.messages)
        elif request.action == ACKNOWLEDGE:
            self._stub.acknowledged([Receipt(params.message_id, params.status)])
        elif request.action == LIST_PENDING:
            self._next = self._stub.checker.first_left
        if request.action != CREATE:
            self._room.set()
        self._answer(_encode_answer(request, message_id))

    # Out

    def _answer(self, frame: bytes) -> None:
        if not self._answers:
            asyncio.get_running_loop().call_soon(self._write_answers)
        self._answers.append(_socket_frame(frame))

    def _write_answers(self) -> None:
        answers, self._answers = self._answers, []
        self._transport.write(b"".join(answers))

    async def _push(self) -> None:
        stub = self._stub
        await stub.begin.wait()
        if stub.first_push is None:
            stub.first_push = time.perf_counter()
        while True:
            full = self._transport.get_write_buffer_size() > _UNWRITTEN_LIMIT
            frames = [] if full else self._take_frames()
            if frames:
                self._pushed_at = time.perf_counter()
                self._transport.write(b"".join(frames))
                await asyncio.sleep(0)
            elif full:
                await asyncio.sleep(0.001)
            else:
                self._room.clear()
                await self._room.wait()

    def _take_frames(self) -> list[bytes]:
        stub = self._stub
        frames: list[bytes] = []
        checker = stub.checker
        room = checker.echoed + 1 if stub.one_at_a_time else checker.acknowledged + stub.window
        end = min(stub.count, room)
        while self._next < end and len(frames) < _PUSHED_TOGETHER:
            if not stub.checker.is_acknowledged(self._next):
                stub.checker.on_push(self._next)
                frames.append(stub.frame(self._next))
            self._next += 1
        stub.pushes += len(frames)
        return frames


_ANSWER: Final = (
    b'{"id":"%s","action":"CREATE_MESSAGE","data":{"type":"message","conversation_id":"",'
    b'"user_id":"7d2a0a52-4d17-4f0c-9d3c-2f8e6c0b1a55","message_id":"%s","category":"",'
    b'"status":"SENT","created_at":"2026-01-02T03:04:05.678901234Z",'
    b'"updated_at":"2026-01-02T03:04:05.678901234Z"}}'
)


def _encode_answer(request: Request, message_id: str) -> bytes:
    if request.action == CREATE:
        return compress(_ANSWER % (request.id.encode(), message_id.encode()), level=0)
    return compress(_encode(Request(request.id, request.action)), level=0)


def _socket_frame(payload: bytes) -> bytes:
    """Return one whole binary WebSocket frame of a server."""
    size = len(payload)
    header = bytes((0x82, size)) if size < 126 else b"\x82\x7e" + size.to_bytes(2, "big")
    return header + payload


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("messages", type=int)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for the client's work")
    arguments = parser.parse_args()
    encrypted = arguments.work == "encrypted"
    senders = Senders(Session(os.environ["BLAZEBOT_KEYSTORE"])) if encrypted else None
    stub = Stub(make_texts(arguments.messages, CONVERSATIONS), arguments.work, senders)
    async with serving(stub, arguments.limit) as is_complete:
        if is_complete:
            await asyncio.sleep(_LINGER)
        show(stub.outcome())
        await asyncio.to_thread(sys.stdin.readline)


@asynccontextmanager
async def serving(stub: Stub, limit: float) -> AsyncIterator[bool]:
    """Serve until the work is done or ``limit`` seconds are over; yield whether it was done.

    Its address and certificate are printed; it begins to push after a line on standard input.
    """
    runner = web.AppRunner(stub.application(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    with tempfile.TemporaryDirectory(prefix="blazebot-bench-") as directory:
        certificate, context = make_certificate(Path(directory))
        site = web.TCPSite(runner, HOST, 0, ssl_context=context)
        await site.start()
        show(Address(f"https://{HOST}:{runner.addresses[0][1]}", str(certificate)))
        await asyncio.to_thread(sys.stdin.readline)
        stub.begin.set()
        try:
            async with asyncio.timeout(limit):
                await stub.complete.wait()
        except TimeoutError:
            yield False
        else:
            yield True
        finally:
            await runner.cleanup()


def show(struct: msgspec.Struct) -> None:
    """Print a struct as a line of JSON."""
    print(_encode(struct).decode(), flush=True)


if __name__ == "__main__":
    run(main())
