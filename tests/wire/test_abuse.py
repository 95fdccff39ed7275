"""What hostile clients try on a sandbox: it refuses them, in bounded memory, and serves others."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import resource
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.sandbox.listeners import _room_for
from blazebot.testing.processes import SandboxProcess, running_sandbox
from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import compress, decode_frame, encode_request
from blazebot.wire.limits import FRAME_LIMIT, socket_limit
from tests.wire.abuse import (
    MIB,
    answer_to,
    bounded,
    closed_with,
    dial,
    head,
    read_no_more,
    status,
    talking,
    until,
    until_cut,
    websocket_frame,
)
from tests.wire.sandbox_peers import Box, dial_raw, new_id
from tests.wire.world import World, echoing

PATIENCE = 0.7
CONNECTIONS = 300

SETTINGS = {
    "idle_limit": PATIENCE,
    "connection_limit": CONNECTIONS,
    "heartbeat": 0.5,
    "silence_limit": 4.0,
    "stop_grace": 0.5,
    "quota": 1_000_000,
}

HUNG = 10
HUNG_MIB = 8
"""What a driver who reads nothing may take: a page of messages, as they are stored and sent."""

LOG_MIB = 64
"""What the wire log may keep of frames and bodies."""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abused"), settings=SETTINGS) as process:
        yield process


@pytest.fixture
def sandbox(process: SandboxProcess) -> SandboxProcess:
    """The sandbox of the world: one for all that is tried here."""
    return process


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Calls on a connection each: this sandbox soon closes what is idle."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.fixture
async def box(sandbox: SandboxProcess, http: aiohttp.ClientSession) -> Box:
    return Box(f"{sandbox.url}/", http)


@pytest.fixture(autouse=True)
def unruffled(process: SandboxProcess) -> Iterator[None]:
    """See that no hostile request has the sandbox log a failure."""
    before = len(process.log)
    yield
    assert "Traceback" not in process.log[before:], process.log[before:]


@asynccontextmanager
async def unharmed(world: World, mib: int) -> AsyncIterator[None]:
    """See that the sandbox takes at most so much memory, and that others talk meanwhile."""
    bot = echoing(await world.bot())
    async with bot, talking(world, bot), bounded(world.sandbox.pid, mib):
        yield


def handshake_token(bot: Keystore) -> str:
    return sign_token(bot, "GET", "/", now=time.time())


async def post(box: Box, path: str, body: bytes, **headers: str) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"} | headers
    async with box.http.post(box.url + path, data=io.BytesIO(body), headers=headers) as answer:
        return answer.status, await answer.text()


# Requests


async def test_heads_beyond_all_bounds_are_refused(world: World, box: Box) -> None:
    url = world.sandbox.url
    heads = [
        head("GET /me", X="x" * MIB),
        head("GET /me", **{f"X{number}": "x" for number in range(1000)}),
        head(f"GET /{'x' * MIB}"),
        head(f"GET /control/people?{'a=&' * 10_000}"),
        head("GET /me", Content_Length="-1"),
        head("GET /me", Content_Length="9" * 1000),
        head("GET /me", Content_Length="1", Transfer_Encoding="chunked"),
        head("GET /me HTTP/1.1\r\nHost: evil.example"),
        b"\x16\x03\x01" + bytes(1000),
    ]
    async with unharmed(world, 32):
        answers = await asyncio.gather(*(answer_to(url, one) for one in heads))
        assert [status(one) for one in answers] == [400] * len(heads)
        assert status(await answer_to(url, b"GET /me\r\n\r\n")) == 403
        many = f"GET /control/log?{'&'.join(f'a{number}=' for number in range(1000))}"
        assert status(await answer_to(url, head(many))) == 200
        endless = b"1\r\nx;" + b"x" * MIB
        chunked = head("POST /messages", Transfer_Encoding="chunked")
        assert status(await answer_to(url, chunked, endless)) in (202, 400)


async def test_bodies_that_inflate_or_nest_without_end_are_refused(world: World, box: Box) -> None:
    bomb = gzip.compress(bytes(64 * MIB), 1)
    inflating = {"Content-Encoding": "gzip"}
    deep = b'{"full_name":' * 200_000
    async with unharmed(world, 64 + LOG_MIB):
        for path, refused in (("messages", 202), ("control/people", 413)):
            found, answer = await post(box, path, bomb, **inflating)
            assert (found, json.loads(answer)["error"]["code"]) == (refused, 413)
        assert (await post(box, "control/people", deep))[0] == 400
        for encoding in ("gzip", "deflate"):
            headers = {"Content-Encoding": encoding}
            assert (await post(box, "control/people", deep[:1000], **headers))[0] == 400
        bot = await box.bot()
        await box.do("POST", f"/bots/{bot.app_id}", {"redirect_uri": "http://127.0.0.1:1/"})
        form = f"oauth/authorize?client_id={bot.app_id}"
        for fields in (b"scope=&" * MIB, b"decision=%ff"):
            assert (await post(box, form, fields))[0] == 400


async def test_bodies_together_have_a_bound_and_small_ones_go_through(
    world: World, box: Box
) -> None:
    """Each is one byte short of the most that is read, and none of them ends."""
    url, size = world.sandbox.url, 16 * MIB - 1
    large = head("POST /messages", Content_Length=str(16 * MIB))
    async with unharmed(world, 64 + 48 + LOG_MIB):
        answers = asyncio.gather(
            *(answer_to(url, large, *[bytes(MIB)] * 15, bytes(size - 15 * MIB)) for _ in range(12))
        )
        while not answers.done():
            await box.do("POST", "/people", {"full_name": "Small"})
        codes = {one.partition(b'"code":')[2][:3] for one in await answers}
    assert codes <= {b"503", b"408"}
    assert b"503" in codes


async def test_who_is_slow_is_dropped(world: World, box: Box) -> None:
    bot = await box.bot()
    url = world.sandbox.url
    _, made = await box.rest(bot, "POST", "/attachments")
    upload = made["data"]["upload_url"].removeprefix(url)
    byte_by_byte = [bytes([one]) for one in head("GET /me") * 10]
    body = [b"{" for _ in range(1000)]
    size = str(len(body))
    whole = {
        "a head": answer_to(url, *byte_by_byte, pause=0.05),
        "nothing": answer_to(url),
        "half a handshake": answer_to(url, head("GET /", Upgrade="websocket")[:-2]),
        "a call": answer_to(url, head("POST /me", Content_Length=size), *body, pause=0.05),
        "the control API": answer_to(
            url, head("POST /control/people", Content_Length=size), *body, pause=0.05
        ),
        "an upload": answer_to(url, head(f"PUT {upload}", Content_Length="100"), b"half"),
    }
    async with unharmed(world, 32):
        answers = dict(zip(whole, await asyncio.gather(*whole.values()), strict=True))
    assert {name: status(one) for name, one in answers.items()} == {
        "a head": 0,
        "nothing": 0,
        "half a handshake": 0,
        "a call": 202,
        "the control API": 408,
        "an upload": 408,
    }
    assert b'"code":408' in answers["a call"]
    async with box.http.put(made["data"]["upload_url"], data=b"whole") as answer:
        assert answer.status == 200


async def test_who_reads_no_answer_is_dropped(world: World, box: Box) -> None:
    """Of the wire log, with much in it, of an attachment, and of many pipelined requests."""
    bot = await box.bot()
    _, made = await box.rest(bot, "POST", "/attachments")
    async with box.http.put(made["data"]["upload_url"], data=io.BytesIO(bytes(24 * MIB))) as answer:
        assert answer.status == 200
    view = head(f"GET {made['data']['view_url'].removeprefix(world.sandbox.url)}")
    async with box.line(bot) as line:
        for _ in range(4):
            await line.request("X" * 3 * MIB)

    async def ask(*requests: bytes) -> None:
        _, writer = await dial(world.sandbox.url)
        read_no_more(writer)
        writer.writelines(requests)
        await until_cut(writer, b"\r\n")

    async with unharmed(world, 96):
        log = head("GET /control/log").replace(b"close", b"keep-alive")
        page = head("GET /control/openapi.json").replace(b"close", b"keep-alive")
        await asyncio.gather(*(ask(log) for _ in range(5)), ask(view), ask(*[page] * 1000))


@pytest.mark.parametrize("folder", ["view", "upload", "avatars", "messenger", "control/people"])
async def test_no_path_leads_out(box: Box, folder: str) -> None:
    names = [
        *("../sandbox.db", "..%2fsandbox.db", "%2e%2e/sandbox.db", "..%5csandbox.db"),
        *("....//sandbox.db", "%252e%252e%252fsandbox.db", "..%c0%afsandbox.db", "%00", "."),
        *("/etc/passwd", "%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd", "x" * 5000),
        *("con", "*", "~", new_id(), new_id() + "%00.png", new_id() + ".part"),
    ]
    for name in names:
        path = f"/{folder}/{name}{'/x' if folder == 'upload' else ''}"
        method = "PUT" if folder == "upload" else "GET"
        answer = await answer_to(box.url, head(f"{method} {path}", Content_Length="0"))
        assert status(answer) in (202, 400, 404, 405), path
        assert b"SQLite" not in answer, path
        assert b"root:" not in answer, path


# Lines


GIANT = 2**62

# What is still on its way when the line is closed would reset it, and the reason be lost: each
# case ends where it is refused.
ENDLESS = {
    "giant length": ([websocket_frame(b"", announced=GIANT)], 1009),
    "length without end": ([websocket_frame(b"", announced=2**64 - 1)], 1009),
    "fragments without end": (
        [
            websocket_frame(bytes(MIB), fin=False),
            websocket_frame(b"", 0, fin=False, announced=socket_limit(FRAME_LIMIT) - MIB),
        ],
        1009,
    ),
    "continuation of nothing": ([websocket_frame(b"x", 0)], 1002),
    "one message within another": ([websocket_frame(b"x", fin=False), websocket_frame(b"x")], 1002),
    "compression nobody agreed on": ([websocket_frame(compress(bytes(MIB)), rsv=0x40)], 1002),
    "unknown opcode": ([websocket_frame(b"x", 3)], 1002),
    "large ping": ([websocket_frame(bytes(126), 9)], 1002),
    "ping in pieces": ([websocket_frame(b"x", 9, fin=False)], 1002),
    "close without reason": ([websocket_frame(b"x", 8)], 1002),
}


@pytest.mark.parametrize("path", ["/", "/control/socket"])
async def test_frames_without_end_close_their_line_alone(world: World, box: Box, path: str) -> None:
    async def send(name: str) -> int:
        reader, writer = await dial_raw(world.sandbox.url, path, handshake_token(await box.bot()))
        writer.writelines(ENDLESS[name][0])
        code = await closed_with(reader)
        writer.transport.abort()
        return code

    async with unharmed(world, 64):
        codes = dict(zip(ENDLESS, await asyncio.gather(*map(send, ENDLESS)), strict=True))
    assert codes == {name: code for name, (_, code) in ENDLESS.items()}


async def test_bombs_in_frames_cost_an_answer(world: World, box: Box) -> None:
    request = b'{"id":"1","action":"CREATE_PLAIN_MESSAGES","params":{"messages":['
    bombs = [
        gzip.compress(bytes(64 * MIB), 1),
        gzip.compress(gzip.compress(bytes(64 * MIB), 1)),
        compress(request + b"{}," * MIB),
        compress(request + b"[]," * MIB + b"[]]}}"),
        compress(request + b'{"message_id":""},' * 200_000 + b'{"message_id":""}]}}'),
        compress(b'{"id":"1","action":"X","params":' + b'{"a":' * MIB),
    ]
    async with unharmed(world, 96), box.line(await box.bot()) as line:
        for bomb in bombs:
            await line.socket.send_bytes(bomb)
            assert (await line.frame()).error is not None
        await line.list_pending()


async def test_a_bot_that_reads_no_answers_is_read_no_more(world: World, box: Box) -> None:
    """An answer repeats the id of its request, and here that is nearly a frame long."""
    bot = await box.bot()
    async with unharmed(world, 64 + LOG_MIB):
        _, writer = await dial_raw(world.sandbox.url, "/", handshake_token(bot))
        read_no_more(writer)
        request = {"id": secrets.token_hex(3 * MIB // 2), "action": "X"}
        frame = websocket_frame(gzip.compress(json.dumps(request).encode(), 0))
        await until_cut(writer, frame)  # what is silent for too long is dropped


async def test_a_bot_that_opens_many_lines_has_one(world: World, box: Box) -> None:
    bot = await box.bot()
    half = websocket_frame(bytes(2 * MIB), fin=False)

    async def open_line() -> int:
        reader, writer = await dial_raw(world.sandbox.url, "/", handshake_token(bot))
        writer.write(half)
        try:
            return await closed_with(reader)
        except (asyncio.IncompleteReadError, ConnectionError):  # cut before we came to read
            return 0
        finally:
            writer.transport.abort()

    async with unharmed(world, 96):
        lines = [asyncio.create_task(open_line()) for _ in range(100)]
        await until(lambda: sum(one.done() for one in lines) >= len(lines) - 1)
        done, left = await asyncio.wait(lines, timeout=0)
        for one in left:  # the one that is there
            one.cancel()
        await asyncio.wait(lines)
    assert 1008 in {one.result() for one in done} <= {0, 1008}


# Many


async def test_who_comes_when_it_is_full_is_told(world: World, box: Box) -> None:
    async with unharmed(world, 64):
        answers = await asyncio.gather(
            *(answer_to(world.sandbox.url) for _ in range(CONNECTIONS + 50))
        )
        refused = [one for one in answers if one]
        assert refused
        assert {status(one) for one in refused} == {503}
        assert b"as many connections as there may be" in refused[0]
        assert (await box.control("GET", "/health"))[0] == 200


async def test_followers_and_watchers_that_hang_hold_up_nobody(world: World, box: Box) -> None:
    """They subscribe to everybody and everything, and read nothing of what a bot then writes."""
    bot = await box.bot()
    people = (await world.people.create(["One", "Two"]))[:2]
    places = [await box.befriend(person, bot) for person in people]
    content = "YWJj" * 20_000

    async def hang(path: str, *requests: bytes) -> asyncio.StreamWriter:
        _, writer = await (
            dial_raw(world.sandbox.url, path) if "socket" in path else dial(world.sandbox.url)
        )
        read_no_more(writer)
        writer.writelines(requests)
        return writer

    everybody = websocket_frame(b'{"op":"subscribe","id":1}', 1)
    follow = head("GET /control/log?follow=true")
    async with unharmed(world, HUNG * HUNG_MIB + LOG_MIB):
        writers = await asyncio.gather(
            *(hang("/control/socket", everybody) for _ in range(HUNG)),
            *(hang("/control/log", follow) for _ in range(HUNG)),
        )
        async with box.line(bot) as line:
            for number in range(80):
                request: dict[str, Any] = {
                    "conversation_id": places[number % 2],
                    "message_id": new_id(),
                    "category": "PLAIN_TEXT",
                    "data_base64": content,
                }
                assert (await line.request("CREATE_MESSAGE", request)).error is None
        for writer in writers:
            writer.transport.abort()


async def test_a_large_message_to_many_who_are_watched(world: World, box: Box) -> None:
    bot = await box.bot()
    people = await world.people.create([f"Person {number}" for number in range(60)])
    members = {"creator_id": people[0], "name": "All", "participants": [bot.app_id, *people[1:]]}
    group = await box.do("POST", "/groups", members)
    content = secrets.token_hex(MIB)
    request = {
        "conversation_id": group["conversation_id"],
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "data_base64": encode_base64(content.encode()),
    }
    subscribe = json.dumps({"op": "subscribe", "id": 1, "people": people}).encode()
    async with unharmed(world, 64 + LOG_MIB), box.line(bot, listing=False) as line:
        reader, writer = await dial_raw(world.sandbox.url, "/control/socket")
        writer.write(websocket_frame(subscribe, 1))
        assert (await line.request("CREATE_MESSAGE", request)).error is None
        left = len(people) * 2 * MIB
        async with asyncio.timeout(10):
            while left > 0:
                left -= len(await reader.read(MIB))
        writer.transport.abort()


@pytest.mark.parametrize("files", [100, 256, 1000])
def test_where_files_are_few_there_is_room_for_some(
    files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert 50 <= _room_for(10_000) < files


def test_a_frame_is_as_it_is_meant() -> None:
    """The frames made here are right where they are not meant to be wrong."""
    frame = encode_request("1", "X")
    made = websocket_frame(frame)
    assert made[0] == 0x82
    assert decode_frame(made[6:]).id == "1"
