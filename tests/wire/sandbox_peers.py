"""Peers for the tests of the sandbox: raw clients that know the wire and nothing else of ours."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import aiohttp
import yarl

from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.sandbox import Sandbox, SandboxSettings
from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import decode_frame, decode_json, encode_request
from blazebot.wire.frames import (
    ACKNOWLEDGE_MESSAGE_RECEIPTS,
    CREATE_MESSAGE,
    LIST_PENDING_MESSAGES,
    Frame,
)

DEADLINE = 30.0


def new_id() -> str:
    return str(uuid4())


def text(words: str) -> str:
    return encode_base64(words.encode())


def body_of(frame: Frame) -> dict[str, Any]:
    """The data of a frame, which must have some and no error."""
    assert frame.error is None, frame.error
    return decode_json(frame.data, dict[str, Any])


GONE = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def close_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """Wait until the other side closes and return the code."""
    async with asyncio.timeout(DEADLINE):
        while (await socket.receive()).type not in GONE:
            pass
    return socket.close_code


async def dial_raw(
    url: str, path: str, token: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a WebSocket that answers nothing by itself."""
    address = url.removeprefix("http://").rstrip("/")
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"101" in head
    return reader, writer


class Line:
    """A bot's raw connection. What was pushed while an answer was awaited is kept for `pushed`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._pushed: deque[Frame] = deque()

    async def request(self, action: str, params: Any = None, frame_id: str = "") -> Frame:
        frame_id = frame_id or new_id()
        await self.socket.send_bytes(encode_request(frame_id, action, params))
        while (frame := await self.frame()).id != frame_id:
            self._pushed.append(frame)
        return frame

    async def frame(self) -> Frame:
        async with asyncio.timeout(DEADLINE):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.BINARY, message
        return decode_frame(message.data)

    async def pushed(self) -> Frame:
        return self._pushed.popleft() if self._pushed else await self.frame()

    async def view(self) -> dict[str, Any]:
        """The next pushed message."""
        frame = await self.pushed()
        assert frame.action == CREATE_MESSAGE
        return body_of(frame)

    async def view_of_message(self) -> str:
        """The id of the next pushed message; receipts in between are passed over."""
        while (frame := await self.pushed()).action != CREATE_MESSAGE:
            pass
        message_id: str = body_of(frame)["message_id"]
        return message_id

    async def receipt(self) -> tuple[str, str]:
        view = body_of(await self.pushed())
        assert view["source"] == "ACKNOWLEDGE_MESSAGE_RECEIPT"
        return view["message_id"], view["status"]

    async def list_pending(self) -> None:
        answer = await self.request(LIST_PENDING_MESSAGES)
        assert answer.error is None

    async def acknowledge(self, *message_ids: str, status: str = "READ") -> None:
        receipts = [{"message_id": id_, "status": status} for id_ in message_ids]
        answer = await self.request(ACKNOWLEDGE_MESSAGE_RECEIPTS, {"messages": receipts})
        assert answer.error is None

    async def silent(self) -> bool:
        """Whether nothing was pushed up to now: what comes next is the answer to a request."""
        frame_id = new_id()
        await self.socket.send_bytes(encode_request(frame_id, "NO_SUCH_ACTION"))
        return not self._pushed and (await self.frame()).id == frame_id

    async def closed(self) -> int | None:
        return await close_code(self.socket)


class Driver:
    """A raw control socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._frames: deque[dict[str, Any]] = deque()
        self._events: deque[dict[str, Any]] = deque()
        self.cursor = 0

    async def command(self, op: str, **fields: Any) -> dict[str, Any]:
        command_id = new_id()
        await self.socket.send_json({"op": op, "id": command_id, **fields})
        while (frame := await self.frame()).get("id") != command_id:
            self._keep(frame)
        return frame

    async def data(self, op: str, **fields: Any) -> Any:
        answer = await self.command(op, **fields)
        assert "error" not in answer, answer
        return answer["data"]

    async def frame(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE):
            frame: dict[str, Any] = await self.socket.receive_json()
        return frame

    async def event(self) -> dict[str, Any]:
        while not self._events:
            self._keep(await self.frame())
        event = self._events.popleft()
        self.cursor = event["cursor"]
        return event

    def _keep(self, frame: dict[str, Any]) -> None:
        self._events.extend(frame["events"])


class Box:
    """A sandbox somewhere, and what a test does with it."""

    def __init__(
        self, url: str, http: aiohttp.ClientSession, sandbox: Sandbox | None = None
    ) -> None:
        self.url = url
        self.http = http
        self._sandbox = sandbox

    def pragma(self, pragma: str) -> Any:
        """Ask or tell the database of a sandbox in this process, behind its back."""
        assert self._sandbox is not None
        return self._sandbox._parts._store._database.read(f"PRAGMA {pragma}").fetchone()[0]

    async def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.http.request(method, f"{self.url}control{path}", json=body) as answer:
            return answer.status, await answer.json()

    async def do(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.control(method, path, body)
        assert status == 200, answer
        return answer

    async def person(self, name: str = "") -> str:
        user_id: str = (await self.do("POST", "/people", {"full_name": name}))["user_id"]
        return user_id

    async def bot(self, form: str = "app") -> Keystore:
        bot_id = (await self.do("POST", "/bots"))["user_id"]
        return await self.new_session(bot_id, form)

    async def new_session(self, bot_id: str, form: str = "app") -> Keystore:
        document: Mapping[str, Any] = await self.do(
            "POST", f"/bots/{bot_id}/sessions", {"form": form}
        )
        return Keystore.load(document)

    async def befriend(self, person_id: str, bot: Keystore) -> str:
        path = f"/people/{person_id}/friends"
        conversation_id: str = (await self.do("POST", path, {"user_id": bot.app_id}))[
            "conversation_id"
        ]
        return conversation_id

    async def say(self, person_id: str, words: str, **where: Any) -> str:
        path = f"/people/{person_id}/messages"
        message_id: str = (await self.do("POST", path, {"text": words, **where}))["message_id"]
        return message_id

    async def sees(self, person_id: str, after: int = 0) -> list[dict[str, Any]]:
        answer = await self.do("GET", f"/people/{person_id}/messages?after={after}&limit=1000")
        messages: list[dict[str, Any]] = answer["messages"]
        return sorted(messages, key=lambda message: int(message["seq"]))

    async def rest(
        self, bot: Keystore, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[aiohttp.ClientResponse, Any]:
        raw = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        token = sign_token(bot, method, path, raw, now=time.time())
        headers = {"Authorization": f"Bearer {token}"} | headers
        url = yarl.URL(self.url.rstrip("/") + path, encoded=True)
        async with self.http.request(method, url, data=io.BytesIO(raw), headers=headers) as answer:
            return answer, await answer.json()

    async def dial(
        self, token: str, protocols: tuple[str, ...] = ("Mixin-Blaze-1",)
    ) -> aiohttp.ClientWebSocketResponse:
        return await self.http.ws_connect(
            self.url, headers={"Authorization": f"Bearer {token}"}, protocols=protocols
        )

    async def connect(self, bot: Keystore) -> Line:
        return Line(await self.dial(sign_token(bot, "GET", "/", now=time.time())))

    @asynccontextmanager
    async def line(self, bot: Keystore, *, listing: bool = True) -> AsyncIterator[Line]:
        line = await self.connect(bot)
        if listing:
            await line.list_pending()
        yield line
        await line.socket.close()

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[Driver]:
        socket = await self.http.ws_connect(f"{self.url}control/socket")
        yield Driver(socket)
        await socket.close()


@asynccontextmanager
async def sandbox_here(**settings: Any) -> AsyncIterator[Box]:
    """A sandbox in this process, one that refuses a wrong ``sig``."""
    settings = {"port": 0, "stop_grace": 1.0, "check_signatures": True} | settings
    async with (
        Sandbox(SandboxSettings(**settings)) as sandbox,
        aiohttp.ClientSession() as http,
    ):
        yield Box(sandbox.url, http, sandbox)


class Process:
    """A sandbox in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    @classmethod
    async def start(cls, db: Path, *, module: str = "blazebot", **options: str) -> Self:
        arguments = ["--port", options.pop("port", "0"), "--db", str(db)]
        for name, value in options.items():
            arguments += [f"--{name}", value]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module, "sandbox"),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            line = (await process.stdout.readline()).decode()
        return cls(process, line.rpartition(" ")[2].strip())

    async def kill(self) -> None:
        self.process.kill()
        await self.end()

    async def terminate(self) -> int:
        self.process.terminate()
        return await self.end()

    async def end(self) -> int:
        async with asyncio.timeout(DEADLINE):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode
