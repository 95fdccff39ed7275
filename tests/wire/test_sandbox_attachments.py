"""Attachments: up and down over HTTP, whole or not at all, in bounded memory."""

from __future__ import annotations

import asyncio
import io
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import yarl

from blazebot.errors import SandboxError
from blazebot.keys.keystore import Keystore
from blazebot.sandbox import Sandbox, SandboxSettings
from tests.wire.sandbox_peers import DEADLINE, Box, Process, new_id, sandbox_here

MIB = 1024 * 1024
WEEK = 7 * 24 * 3600


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with sandbox_here(db=str(tmp_path / "box.db"), attachment_limit=4 * MIB) as box:
        yield box


@pytest.fixture
async def bot(box: Box) -> Keystore:
    return await box.bot()


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "box.db.attachments").iterdir())


def everything(directory: Path) -> list[Path]:
    return list(directory.rglob("*"))


async def until_there_are(count: int, tmp_path: Path) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            if len(files(tmp_path)) == count:
                return
            await asyncio.sleep(0.01)


async def create(box: Box, bot: Keystore, body: Any = None) -> dict[str, Any]:
    answer, document = await box.rest(bot, "POST", "/attachments", body)
    assert answer.status == 200, document
    attachment: dict[str, Any] = document["data"]
    return attachment


def as_it_is(url: str) -> yarl.URL:
    return yarl.URL(url, encoded=True)


async def put(box: Box, url: str | yarl.URL, data: Any, **headers: str) -> tuple[int, Any]:
    headers = {"Content-Type": "application/octet-stream", "x-amz-acl": "public-read"} | headers
    body = io.BytesIO(data) if isinstance(data, bytes) else data
    async with box.http.put(url, data=body, headers=headers) as answer:
        text = await answer.text()
        return answer.status, text and await answer.json()


async def upload(box: Box, bot: Keystore, data: bytes) -> dict[str, Any]:
    attachment = await create(box, bot)
    assert await put(box, attachment["upload_url"], data) == (200, "")
    return attachment


async def code(box: Box, bot: Keystore, path: str) -> int:
    answer, document = await box.rest(bot, "GET", path)
    assert answer.status == 202
    return int(document["error"]["code"])


async def test_up_and_down(box: Box, bot: Keystore, tmp_path: Path) -> None:
    blank = {"type": "", "attachment_id": "", "upload_url": "", "view_url": "", "created_at": None}
    for body in (None, {}, blank):
        attachment = await create(box, bot, body)
        assert set(attachment) == {
            "type",
            "attachment_id",
            "upload_url",
            "view_url",
            "created_at",
        }
    assert attachment["type"] == "attachment"
    path = f"/attachments/{attachment['attachment_id']}"
    assert await code(box, bot, path) == 404  # not yet uploaded
    async with box.http.get(attachment["view_url"]) as answer:
        assert answer.status == 404

    data = bytes(range(256)) * 4096
    assert await put(box, attachment["upload_url"], data) == (200, "")
    other = await box.bot()
    _, document = await box.rest(other, "GET", path.upper().replace("ATTACHMENTS", "attachments"))
    assert document["data"] == attachment | {"upload_url": ""}
    async with box.http.get(attachment["view_url"]) as answer:
        assert await answer.read() == data
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (file,) = files(tmp_path)
    assert file.name == attachment["attachment_id"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert await put(box, (await create(box, bot))["upload_url"], b"") == (200, "")


async def test_addresses_are_made_from_the_host_that_was_used(box: Box, bot: Keystore) -> None:
    _, document = await box.rest(bot, "POST", "/attachments", Host="localhost:1234")
    for name in ("upload_url", "view_url"):
        assert document["data"][name].startswith("http://localhost:1234/")


async def test_ranges_and_conditions(box: Box, bot: Keystore) -> None:
    url = (await upload(box, bot, b"0123456789"))["view_url"]

    async def get(method: str = "GET", **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
        async with box.http.request(method, url, headers=headers) as answer:
            return answer, await answer.read()

    answer, data = await get("HEAD")
    assert (answer.status, answer.headers["Content-Length"], data) == (200, "10", b"")
    etag = answer.headers["ETag"]
    for asked, expected, where in (
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
    ):
        answer, data = await get(Range=asked, **{"If-Range": etag})
        assert (answer.status, data, answer.headers["Content-Range"]) == (206, expected, where)
    answer, _ = await get(Range="bytes=10-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */10")
    answer, _ = await get(**{"If-None-Match": etag})
    assert answer.status == 304
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_only_the_upload_address_uploads_and_only_once(
    box: Box, bot: Keystore, tmp_path: Path
) -> None:
    attachment = await create(box, bot)
    url, attachment_id = attachment["upload_url"], attachment["attachment_id"]
    assert (await put(box, url[:-1], b"x"))[0] == 403
    assert (await put(box, url.replace(attachment_id, new_id()), b"x"))[0] == 404
    assert (await put(box, attachment["view_url"], b"x"))[0] == 202  # no such endpoint
    for outside in ("..%2f..%2fbox.db", "%2e%2e", "..%2fbox.db", "%00", "*"):
        assert (await put(box, as_it_is(f"{box.url}upload/{outside}/x"), b"x"))[0] in (202, 404)
        async with box.http.get(as_it_is(f"{box.url}view/{outside}")) as answer:
            assert answer.status in (202, 404)
    assert await put(box, url, b"first") == (200, "")
    status, answer = await put(box, url, b"second")
    assert (status, answer["error"]["code"]) == (409, 409)
    async with box.http.get(attachment["view_url"]) as response:
        assert await response.read() == b"first"
    assert len(files(tmp_path)) == 1


async def test_of_two_uploads_at_once_one_is_taken(box: Box, bot: Keystore, tmp_path: Path) -> None:
    attachment = await create(box, bot)
    outcomes = await asyncio.gather(
        *(put(box, attachment["upload_url"], bytes([n]) * 2 * MIB) for n in range(4))
    )
    assert sorted(status for status, _ in outcomes) == [200, 409, 409, 409]
    async with box.http.get(attachment["view_url"]) as answer:
        assert len(set(await answer.read())) == 1
    assert len(files(tmp_path)) == 1


async def test_what_is_too_large_is_refused_and_leaves_nothing(
    box: Box, bot: Keystore, tmp_path: Path
) -> None:
    url = (await create(box, bot))["upload_url"]

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield bytes(MIB)

    for data in (bytes(4 * MIB + 1), endless()):
        status, answer = await put(box, url, data)
        assert (status, answer["error"]["code"]) == (413, 413)
        assert "attachment_limit" in answer["error"]["extra"]["reason"]
    assert files(tmp_path) == []
    assert await put(box, url, bytes(4 * MIB)) == (200, "")


async def test_a_broken_upload_leaves_nothing(box: Box, bot: Keystore, tmp_path: Path) -> None:
    attachment = await create(box, bot)
    address = box.url.removeprefix("http://").rstrip("/")
    host, _, port = address.partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    path = attachment["upload_url"].partition(address)[2]
    head = f"PUT {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {3 * MIB}\r\n\r\n"
    writer.write(head.encode() + bytes(2 * MIB))
    await until_there_are(1, tmp_path)
    writer.transport.abort()
    await until_there_are(0, tmp_path)
    assert await put(box, attachment["upload_url"], b"whole") == (200, "")
    async with box.http.get(attachment["view_url"]) as answer:
        assert await answer.read() == b"whole"


async def test_a_person_uploads_too(box: Box, bot: Keystore) -> None:
    alice = await box.person()
    url = f"{box.url}control/people/{alice}/attachments"
    async with box.http.post(url, data=b"picture") as response:
        uploaded = await response.json()
        assert response.status == 200
    assert set(uploaded) == {"attachment_id", "view_url", "size", "created_at"}
    assert uploaded["size"] == 7
    async with box.http.get(uploaded["view_url"]) as response:
        assert await response.read() == b"picture"
    _, document = await box.rest(bot, "GET", f"/attachments/{uploaded['attachment_id']}")
    assert document["data"]["view_url"] == uploaded["view_url"]
    async with box.http.post(url, data=io.BytesIO(bytes(5 * MIB))) as response:
        assert response.status == 413


async def test_attachments_expire_with_the_retention_clock(
    box: Box, bot: Keystore, tmp_path: Path
) -> None:
    attachment = await upload(box, bot, b"old")
    waiting = await create(box, bot)
    await box.do("POST", "/clocks", {"retention_offset": WEEK + 1})
    assert await code(box, bot, f"/attachments/{attachment['attachment_id']}") == 404
    async with box.http.get(attachment["view_url"]) as answer:
        assert answer.status == 404
    assert (await put(box, waiting["upload_url"], b"late"))[0] == 404
    await upload(box, bot, b"new")
    await until_there_are(1, tmp_path)


async def test_a_restart_keeps_what_is_whole(tmp_path: Path) -> None:
    db = tmp_path / "box.db"
    async with sandbox_here(db=str(db), sync="full") as box:
        attachment = await upload(box, await box.bot(), b"kept")
    part = tmp_path / "box.db.attachments" / f"{new_id()}.part"
    part.write_bytes(b"of a killed sandbox")
    async with (
        sandbox_here(db=str(db)) as box,
        box.http.get(f"{box.url}view/{attachment['attachment_id']}") as answer,
    ):
        assert await answer.read() == b"kept"
    assert not part.exists()


async def test_a_temporary_sandbox_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with sandbox_here() as box:
        await upload(box, await box.bot(), b"x")
        assert everything(tmp_path)
    assert everything(tmp_path) == []


async def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "box.db.attachments").write_text("in the way")
    with pytest.raises(SandboxError, match=r"box\.db\.attachments: cannot be used"):
        await Sandbox(SandboxSettings(db=str(tmp_path / "box.db"), port=0)).start()


async def test_memory_stays_bounded(tmp_path: Path) -> None:
    size = 256 * MIB
    process = await Process.start(tmp_path / "box.db")
    memory = psutil.Process(process.process.pid)
    highest = 0

    async def measured() -> AsyncIterator[bytes]:
        nonlocal highest
        for number in range(size // MIB):
            yield bytes([number % 256]) * MIB
            highest = max(highest, memory.memory_info().rss)

    async with aiohttp.ClientSession() as http:
        box = Box(process.url, http)
        attachment = await upload(box, await box.bot(), b"warm")
        attachment = await create(box, await box.bot())
        before = highest = memory.memory_info().rss
        status, _ = await put(box, attachment["upload_url"], measured())
        assert status == 200
        received = 0
        async with http.get(attachment["view_url"]) as answer:
            async for chunk in answer.content.iter_chunked(MIB):
                received += len(chunk)
                highest = max(highest, memory.memory_info().rss)
    await process.terminate()
    assert received == size
    assert (highest - before) / MIB < 40
