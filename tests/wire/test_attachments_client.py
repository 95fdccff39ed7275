"""Attachments up and down over a real socket, against a server that misbehaves as it is told."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import io
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import aiohttp
import msgspec
import psutil
import pytest
from aiohttp import web

from blazebot.client.attachments import AttachmentClient, safe_name
from blazebot.client.rest import RestClient
from blazebot.errors import (
    AttachmentError,
    AttachmentGone,
    AttachmentInterrupted,
    AttachmentTooLarge,
    DecryptionError,
    ServiceError,
)
from blazebot.keys.attachments import (
    AttachmentEncryptor,
    decrypt_attachment,
    encrypt_attachment,
    stored_size,
)
from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore
from blazebot.media import file
from blazebot.wire.base64 import encode_padded_base64
from blazebot.wire.content import File

MIB = 1024 * 1024
ABOVE_IDLE = 50 * MIB  # what a transfer of any size may take (issue 3)

Interference = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


class AttachmentServer:
    """Keeps attachments by the rules; ``on_put`` and ``on_get`` may answer in its place."""

    def __init__(self) -> None:
        self.url = ""
        self.stored: dict[str, bytes] = {}
        self.puts: list[web.Request] = []
        self.gets: list[web.Request] = []
        self.upload_url: str | None = None
        self.on_put: Interference | None = None
        self.on_get: Interference | None = None
        self.hash_only = False
        self.received = ""
        self.pattern_size = 0

    def keep(self, data: bytes) -> str:
        attachment_id = str(uuid4())
        self.stored[attachment_id] = data
        return attachment_id

    async def create(self, request: web.Request) -> web.Response:
        assert (await request.json()) == {}
        return self._answer(str(uuid4()))

    async def show(self, request: web.Request) -> web.Response:
        attachment_id = request.match_info["id"]
        if attachment_id not in self.stored and not self.pattern_size:
            error = {"status": 202, "code": 404, "description": "not found"}
            return web.json_response({"error": error}, status=202)
        return self._answer(attachment_id)

    def _answer(self, attachment_id: str) -> web.Response:
        data = {
            "type": "attachment",
            "attachment_id": attachment_id,
            # A signature in a query must arrive as it is spelled.
            "upload_url": self.upload_url or f"{self.url}/put/{attachment_id}?sig=a%2Fb%3D%20c",
            "view_url": f"{self.url}/get/{attachment_id}",
            "created_at": "2026-01-02T03:04:05.678Z",
        }
        return web.json_response({"data": data})

    async def put(self, request: web.Request) -> web.StreamResponse:
        self.puts.append(request)
        if self.on_put and (answer := await self.on_put(request)):
            return answer
        if self.hash_only:
            digest = hashlib.sha256()
            async for data in request.content.iter_chunked(MIB):
                digest.update(data)
            self.received = digest.hexdigest()
        else:
            self.stored[request.match_info["id"]] = await request.read()
        return web.Response()

    async def get(self, request: web.Request) -> web.StreamResponse:
        self.gets.append(request)
        if self.on_get and (answer := await self.on_get(request)):
            return answer
        if self.pattern_size:
            response = web.StreamResponse(headers={"Content-Length": str(self.pattern_size)})
            await response.prepare(request)
            async for block in pattern(self.pattern_size):
                await response.write(block)
            return response
        data = self.stored[request.match_info["id"]]
        start = request.http_range.start
        if start is None:
            return web.Response(body=data)
        if start >= len(data):
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
        content_range = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return web.Response(body=data[start:], status=206, headers={"Content-Range": content_range})

    async def break_off(self, request: web.Request, count: int) -> web.StreamResponse:
        """Send ``count`` bytes of what was asked for, then drop the connection."""
        data = self.stored[request.match_info["id"]]
        start = request.http_range.start or 0
        response = web.StreamResponse(headers={"Content-Length": str(len(data) - start)})
        if start:
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        await response.prepare(request)
        await response.write(data[start : start + count])
        assert request.transport is not None
        await asyncio.sleep(0.05)  # so that the client has read them
        request.transport.close()
        return response


@pytest.fixture
async def server() -> AsyncIterator[AttachmentServer]:
    server = AttachmentServer()
    app = web.Application(client_max_size=2048 * MIB)
    app.router.add_post("/attachments", server.create)
    app.router.add_get("/attachments/{id}", server.show)
    app.router.add_put("/put/{id}", server.put)
    app.router.add_get("/get/{id}", server.get)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
def attachments(http: aiohttp.ClientSession, server: AttachmentServer) -> AttachmentClient:
    keystore = Keystore.load(issue_keystore("app", str(uuid4()), str(uuid4())).document)
    rest = RestClient(keystore, http, urls=[server.url], timeout=5)
    return AttachmentClient(rest, http, stall_timeout=0.5, pause=0.01)


class Seen:
    """A progress callback that sees to it that all is in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        assert not self.calls or done > self.calls[-1][0]
        self.calls.append((done, total))


def content(attachment_id: str, data: bytes, key: bytes, digest: bytes) -> File:
    return File(
        attachment_id=attachment_id,
        mime_type="text/plain",
        size=len(data),
        name="a",
        key=encode_padded_base64(key),
        digest=encode_padded_base64(digest),
    )


def left(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def pattern(size: int, block: int = MIB) -> AsyncIterator[bytes]:
    for number in range(size // block):
        yield number.to_bytes(8, "big") * (block // 8)


def file_digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


# Up


async def test_the_bytes_and_headers_arrive_as_they_should(
    attachments: AttachmentClient, server: AttachmentServer
) -> None:
    data = os.urandom(3 * MIB + 5)
    seen = Seen()
    uploaded = await attachments.upload(io.BytesIO(data), progress=seen)
    assert server.stored == {uploaded.attachment_id: data}
    assert (uploaded.size, uploaded.key, uploaded.digest) == (len(data), None, None)
    assert uploaded.created_at == "2026-01-02T03:04:05.678Z"
    headers = server.puts[0].headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["x-amz-acl"] == "public-read"
    assert headers["Content-Length"] == str(len(data))
    assert not {"Authorization", "Transfer-Encoding", "X-Request-Id"} & set(headers)
    assert server.puts[0].raw_path.endswith("?sig=a%2Fb%3D%20c")
    assert len(seen.calls) > 3
    assert seen.calls[-1] == (len(data), len(data))


async def test_an_encrypted_upload_decrypts_to_the_same_bytes(
    attachments: AttachmentClient, server: AttachmentServer
) -> None:
    data = os.urandom(2 * MIB + 3)
    seen = Seen()
    uploaded = await attachments.upload(io.BytesIO(data), encrypt=True, progress=seen)
    assert uploaded.key is not None
    assert uploaded.digest is not None
    assert str(uploaded.key) not in repr(uploaded)
    stored = server.stored[uploaded.attachment_id]
    assert decrypt_attachment(stored, key=uploaded.key, digest=uploaded.digest) == data
    assert uploaded.size == len(data)
    assert seen.calls[-1] == (stored_size(len(data)), stored_size(len(data)))


@pytest.mark.parametrize("status", [500, 503, 403])
async def test_a_failed_put_is_tried_again_with_a_fresh_address(
    attachments: AttachmentClient, server: AttachmentServer, status: int
) -> None:
    async def fail_first(request: web.Request) -> web.Response | None:
        await request.read()
        return web.Response(status=status) if len(server.puts) == 1 else None

    server.on_put = fail_first
    source = io.BytesIO(b"skipped" + b"taken" * 50_000)
    source.seek(7)
    seen = Seen()
    uploaded = await attachments.upload(source, encrypt=True, progress=seen)
    assert uploaded.key is not None
    assert uploaded.digest is not None
    assert len({request.path for request in server.puts}) == 2
    stored = server.stored[uploaded.attachment_id]
    plaintext = decrypt_attachment(stored, key=uploaded.key, digest=uploaded.digest)
    assert plaintext == b"taken" * 50_000


async def test_a_dropped_connection_is_tried_again_and_given_up_in_the_end(
    attachments: AttachmentClient, server: AttachmentServer
) -> None:
    async def drop(request: web.Request) -> web.Response:
        await request.content.readexactly(1000)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.on_put = drop
    with pytest.raises(AttachmentInterrupted, match="broke off"):
        await attachments.upload(io.BytesIO(bytes(5 * MIB)))
    assert len(server.puts) == 3


async def test_a_server_that_takes_nothing_stalls_the_upload(
    attachments: AttachmentClient, server: AttachmentServer
) -> None:
    async def take_nothing(request: web.Request) -> None:
        await asyncio.sleep(60)

    server.on_put = take_nothing
    began = asyncio.get_running_loop().time()
    with pytest.raises(AttachmentInterrupted, match="stall_timeout"):
        await attachments.upload(pattern(20 * MIB), size=20 * MIB)
    assert asyncio.get_running_loop().time() - began < 3
    assert len(server.puts) == 1  # a stream has one try


@pytest.mark.parametrize("status", [201, 204, 301, 307, 400, 413])
async def test_only_200_is_success_and_nothing_is_followed(
    attachments: AttachmentClient, server: AttachmentServer, status: int
) -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=status, headers={"Location": f"{server.url}/put/elsewhere"})

    server.on_put = answer
    with pytest.raises(AttachmentError, match=f"HTTP {status}"):
        await attachments.upload(io.BytesIO(b"data"))
    assert len(server.puts) == 1


@pytest.mark.parametrize(
    "address",
    [
        "/relative",
        "ftp://host/a",
        "file:///etc/passwd",
        "http://",
        "http://user:password@host/",
        "http://host/a\r\nX: y",
        "http://[",
        "host",
    ],
)
async def test_odd_addresses_are_refused(
    attachments: AttachmentClient, server: AttachmentServer, address: str
) -> None:
    server.upload_url = address
    with pytest.raises(AttachmentError, match="upload_url"):
        await attachments.upload(io.BytesIO(b"data"))


async def test_an_address_with_spaces_is_spelled_properly(
    attachments: AttachmentClient, server: AttachmentServer
) -> None:
    server.upload_url = f"{server.url}/put/a b"
    await attachments.upload(io.BytesIO(b"data"))
    assert server.puts[0].raw_path == "/put/a%20b"


@pytest.mark.parametrize(("size", "words"), [(100, "not 100"), (5, "more than")])
async def test_a_stream_of_another_size_is_no_upload(
    attachments: AttachmentClient, server: AttachmentServer, size: int, words: str
) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"twelve bytes"

    with pytest.raises(AttachmentError, match=words):
        await attachments.upload(stream(), size=size)
    assert not server.stored


async def test_a_stream_needs_its_size_and_its_own_errors_come_through(
    attachments: AttachmentClient, server: AttachmentServer
) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError("of the source")

    with pytest.raises(AttachmentError, match="size: is needed"):
        await attachments.upload(stream())
    with pytest.raises(LookupError, match="of the source"):
        await attachments.upload(stream(), size=9)
    assert len(server.puts) <= 1


async def test_a_file_that_cannot_be_read_says_so(attachments: AttachmentClient) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(AttachmentError, match="cannot be read"):
        await attachments.upload(Broken(b"data"))


# Down


async def test_the_same_bytes_come_down(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    data = os.urandom(3 * MIB + 7)
    target = tmp_path / "photo.jpg"
    target.write_bytes(b"older")
    seen = Seen()
    size = await attachments.download(server.keep(data), target, size=len(data), progress=seen)
    assert size == len(data)
    assert target.read_bytes() == data
    assert seen.calls[-1] == (len(data), len(data))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert left(tmp_path) == ["photo.jpg"]
    assert "Authorization" not in server.gets[0].headers


async def test_an_encrypted_one_comes_down_decrypted(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    data = os.urandom(2 * MIB + 9)
    made = encrypt_attachment(data)
    sent = content(server.keep(made.stored), data, made.key, made.digest)
    target = tmp_path / "a"
    limit = len(data)
    assert await attachments.download(sent, target, limit=limit, size=limit) == len(data)
    assert target.read_bytes() == data
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert left(tmp_path) == ["a"]


@pytest.mark.parametrize("place", [0, 20, -1])
async def test_a_tampered_one_leaves_no_file(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path, place: int
) -> None:
    made = encrypt_attachment(b"secret" * 1000)
    tampered = bytearray(made.stored)
    tampered[place] ^= 1
    sent = content(server.keep(bytes(tampered)), b"-", made.key, made.digest)
    with pytest.raises(DecryptionError) as caught:
        await attachments.download(sent, tmp_path / "a")
    assert caught.value.cause == "digest"
    assert not left(tmp_path)
    # The right digest of the wrong bytes: only the HMAC tells.
    digest = hashlib.sha256(tampered).digest()
    sent = content(sent.attachment_id, b"-", made.key, digest)
    with pytest.raises(DecryptionError) as caught:
        await attachments.download(sent, tmp_path / "a")
    assert caught.value.cause == "mac"
    assert not left(tmp_path)


async def test_malformed_keys_are_named(attachments: AttachmentClient, tmp_path: Path) -> None:
    sent = File(attachment_id=str(uuid4()), name="a", key="!", digest="!")
    with pytest.raises(DecryptionError, match="key or digest"):
        await attachments.download(sent, tmp_path / "a")


@pytest.mark.parametrize("encrypted", [False, True])
async def test_it_goes_on_where_the_connection_ended(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path, encrypted: bool
) -> None:
    async def end_twice(request: web.Request) -> web.StreamResponse | None:
        return await server.break_off(request, 100_000) if len(server.gets) < 3 else None

    data = os.urandom(500_000)
    made = encrypt_attachment(data)
    attachment_id = server.keep(made.stored if encrypted else data)
    sent = content(attachment_id, data, made.key, made.digest) if encrypted else attachment_id
    server.on_get = end_twice
    seen = Seen()
    assert await attachments.download(sent, tmp_path / "a", progress=seen) == len(data)
    assert (tmp_path / "a").read_bytes() == data
    ranges = [request.headers.get("Range") for request in server.gets]
    assert ranges == [None, "bytes=100000-", "bytes=200000-"]
    assert left(tmp_path) == ["a"]


async def test_a_later_call_goes_on_too_unless_told_not_to(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    async def end(request: web.Request) -> web.StreamResponse:
        return await server.break_off(request, 1000)

    data = os.urandom(50_000)
    attachment_id = server.keep(data)
    server.on_get = end
    with pytest.raises(AttachmentInterrupted, match="broke off"):
        await attachments.download(attachment_id, tmp_path / "a")
    (part,) = left(tmp_path)
    assert part == f".{attachment_id}.part"
    assert (tmp_path / part).read_bytes() == data[:3000]
    server.on_get = None
    assert await attachments.download(attachment_id, tmp_path / "a") == len(data)
    assert (tmp_path / "a").read_bytes() == data
    assert server.gets[-1].headers["Range"] == "bytes=3000-"

    server.on_get = end
    with pytest.raises(AttachmentInterrupted):
        await attachments.download(attachment_id, tmp_path / "b", resume=False)
    assert all("Range" not in request.headers for request in server.gets[-3:])
    assert left(tmp_path) == ["a"]


async def test_a_part_that_is_whole_is_not_fetched_again(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    attachment_id = server.keep(b"whole")
    (tmp_path / f".{attachment_id}.part").write_bytes(b"whole")
    assert await attachments.download(attachment_id, tmp_path / "a") == 5
    assert (tmp_path / "a").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("status", "content_range"),
    [
        (206, "bytes 0-4/5"),
        (206, ""),
        (206, "bytes 2-1/nonsense"),
        (416, "bytes */3"),
        (416, ""),
        (200, ""),
    ],
)
async def test_a_server_that_does_not_go_on_properly_begins_again(
    attachments: AttachmentClient,
    server: AttachmentServer,
    tmp_path: Path,
    status: int,
    content_range: str,
) -> None:
    async def answer(request: web.Request) -> web.Response | None:
        if "Range" not in request.headers:
            return None
        headers = {"Content-Range": content_range} if content_range else {}
        return web.Response(status=status, body=b"right", headers=headers)

    attachment_id = server.keep(b"right")
    server.on_get = answer
    (tmp_path / f".{attachment_id}.part").write_bytes(b"wr")
    assert await attachments.download(attachment_id, tmp_path / "a") == 5
    assert (tmp_path / "a").read_bytes() == b"right"


async def test_the_limit_holds_announced_or_not(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    attachment_id = server.keep(bytes(3 * MIB))
    with pytest.raises(AttachmentTooLarge, match=r"2097152.*limit"):
        await attachments.download(attachment_id, tmp_path / "a", limit=2 * MIB)
    assert not left(tmp_path)
    sent = 0

    async def without_end(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        while sent < 100 * MIB:
            await response.write(bytes(MIB))
            sent += MIB
        return response

    server.on_get = without_end
    with pytest.raises(AttachmentTooLarge):
        await attachments.download(attachment_id, tmp_path / "a", limit=2 * MIB)
    assert not left(tmp_path)
    assert sent < 50 * MIB


async def test_a_size_that_is_known_is_checked(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    with pytest.raises(AttachmentError, match="should be 6"):
        await attachments.download(server.keep(b"seven.."), tmp_path / "a", size=6)
    assert not left(tmp_path)


async def test_what_is_gone_says_so(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    with pytest.raises(AttachmentGone, match="gone"):
        await attachments.download(str(uuid4()), tmp_path / "a")

    async def gone(request: web.Request) -> web.Response:
        return web.Response(status=404)

    server.on_get = gone
    with pytest.raises(AttachmentGone, match="gone"):
        await attachments.download(server.keep(b"x"), tmp_path / "a")
    assert len(server.gets) == 1
    assert not left(tmp_path)


async def test_other_refusals_come_through(
    attachments: AttachmentClient, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    class Refusing:
        async def call(self, method: str, path: str, body: object = None) -> msgspec.Raw:
            raise ServiceError(10002, "bad field")

    refused = AttachmentClient(Refusing(), http)
    with pytest.raises(ServiceError):
        await refused.download(str(uuid4()), tmp_path / "a")
    with pytest.raises(AttachmentError, match="UUID"):
        await attachments.download("../me", tmp_path / "a")
    assert not left(tmp_path)


async def test_a_server_that_sends_nothing_stalls_the_download(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    async def slow_then_silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        for _ in range(4):  # each byte counts: together longer than the limit
            await response.write(b"x")
            await asyncio.sleep(0.2)
        await asyncio.sleep(60)
        return response

    server.on_get = slow_then_silent
    with pytest.raises(AttachmentInterrupted, match="stall_timeout"):
        await attachments.download(server.keep(bytes(100)), tmp_path / "a", resume=False)
    assert not left(tmp_path)


async def test_what_is_slow_but_moves_is_no_stall(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(5):
            await asyncio.sleep(0.2)
            yield b"x"

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "5"})
        await response.prepare(request)
        async for piece in slow():
            await response.write(piece)
        return response

    uploaded = await attachments.upload(slow(), size=5)
    assert server.stored[uploaded.attachment_id] == b"xxxxx"
    server.on_get = trickle
    await attachments.download(uploaded.attachment_id, tmp_path / "a")
    assert [request.headers.get("Range") for request in server.gets] == [None]


async def test_a_part_that_is_put_in_place_meanwhile_is_left_alone(
    attachments: AttachmentClient,
    server: AttachmentServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = b"all of it"
    attachment_id = server.keep(data)
    part = tmp_path / f".{attachment_id}.part"
    part.write_bytes(data[:4])
    lock = fcntl.flock

    def overtaken(opened: io.BufferedRandom, operation: int) -> None:
        if not (tmp_path / "other").exists():
            part.rename(tmp_path / "other")
        lock(opened, operation)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    assert await attachments.download(attachment_id, tmp_path / "a") == len(data)
    assert (tmp_path / "a").read_bytes() == data
    assert (tmp_path / "other").read_bytes() == data[:4]


async def test_where_it_cannot_be_written_is_named(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    attachment_id = server.keep(b"x")
    with pytest.raises(AttachmentError, match="directory"):
        await attachments.download(attachment_id, tmp_path)
    with pytest.raises(AttachmentError, match="cannot be written"):
        await attachments.download(attachment_id, tmp_path / "missing" / "a")
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / f".{attachment_id}.part").symlink_to(elsewhere)
    with pytest.raises(AttachmentError, match="cannot be written"):
        await attachments.download(attachment_id, tmp_path / "a")
    assert not elsewhere.exists()


async def test_the_same_attachment_twice_at_once(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    data = os.urandom(2 * MIB)
    attachment_id = server.keep(data)
    paths = [tmp_path / name for name in "abcd"]
    await asyncio.gather(*(attachments.download(attachment_id, path) for path in paths))
    assert all(path.read_bytes() == data for path in paths)
    assert left(tmp_path) == ["a", "b", "c", "d"]


async def test_cancelled_it_leaves_only_the_part(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    half = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        await asyncio.sleep(60)
        return response

    server.on_get = wait
    attachment_id = server.keep(bytes(100))
    downloading = asyncio.create_task(
        attachments.download(attachment_id, tmp_path / "a", progress=lambda *_: half.set())
    )
    await half.wait()
    downloading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await downloading
    assert left(tmp_path) == [f".{attachment_id}.part"]
    assert (tmp_path / f".{attachment_id}.part").read_bytes() == b"half"


# Names


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\a.exe", "a.exe"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        (".bashrc", "bashrc"),
        ("a\x00b\nc.txt", "abc.txt"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ('a<b>:"c|d?*.txt', "a_b___c_d__.txt"),
        ("日本語.txt", "日本語.txt"),
        ("\ud800.txt", "txt"),
        (" . ", "file"),
    ],
)
def test_names_become_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_long_names_keep_their_ending() -> None:
    name = safe_name("語" * 500 + ".pdf")
    assert name.endswith("語.pdf")
    assert len(name.encode()) <= 200
    assert len(safe_name("a." + "b" * 500)) <= 200


# Memory


async def transfer_measured(
    attachments: AttachmentClient,
    server: AttachmentServer,
    directory: Path,
    size: int,
    report: Callable[[str, float, int], None],
) -> None:
    """Send ``size`` bytes up and down, plain and encrypted; report seconds and memory of each."""
    process = psutil.Process()
    loop = asyncio.get_running_loop()
    server.hash_only = True
    expected = hashlib.sha256()
    async for block in pattern(size):
        expected.update(block)

    async def measured(name: str, work: Awaitable[object]) -> None:
        idle = most = process.memory_info().rss
        began = loop.time()
        working = asyncio.ensure_future(work)
        while not working.done():
            await asyncio.wait((working,), timeout=0.01)
            most = max(most, process.memory_info().rss)
        await working
        report(name, loop.time() - began, most - idle)

    def check(done: int, total: int | None) -> None:
        assert total is not None
        assert done <= total

    with file(pattern(size), name="large.bin") as upload:
        await measured("spool and hash", upload.fingerprint())
        await measured("upload", upload.content(attachments, encrypt=False, progress=check))
        assert server.received == expected.hexdigest()
        await measured("upload encrypted", upload.content(attachments, encrypt=True))
    server.pattern_size = size
    target = directory / "large.bin"
    await measured("download", attachments.download(str(uuid4()), target, progress=check))
    assert file_digest(target) == expected.hexdigest()

    # The encrypted one is served from the disk.
    stored = directory / "stored"
    with target.open("rb") as plain:
        key, digest = await asyncio.to_thread(encrypt_file, plain, stored)

    async def serve(request: web.Request) -> web.FileResponse:
        return web.FileResponse(stored)

    server.on_get = serve
    sent = content(str(uuid4()), b"", key, digest)
    await measured("download encrypted", attachments.download(sent, target))
    assert file_digest(target) == expected.hexdigest()


def encrypt_file(plain: io.BufferedReader, stored: Path) -> tuple[bytes, bytes]:
    encryptor = AttachmentEncryptor()
    with stored.open("wb") as opened:
        while block := plain.read(MIB):
            opened.write(encryptor.update(block))
        opened.write(encryptor.finalize())
    return encryptor.key, encryptor.digest


async def test_memory_does_not_grow_with_the_size(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    grown: dict[str, int] = {}
    await transfer_measured(
        attachments,
        server,
        tmp_path,
        128 * MIB,
        lambda name, _, memory: grown.update({name: memory}),
    )
    assert len(grown) == 5
    assert max(grown.values()) < ABOVE_IDLE, grown


@pytest.mark.soak
async def test_one_gibibyte(
    attachments: AttachmentClient, server: AttachmentServer, tmp_path: Path
) -> None:
    grown: dict[str, int] = {}

    def report(name: str, seconds: float, memory: int) -> None:
        grown[name] = memory
        print(f"{name:20} {seconds:6.1f} s {memory / MIB:6.1f} MiB above idle")  # noqa: T201

    await transfer_measured(attachments, server, tmp_path, 1024 * MIB, report)
    assert max(grown.values()) < ABOVE_IDLE, grown
