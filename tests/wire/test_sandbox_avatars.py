"""Pictures of bots: given by REST and by the control API, and shown by the sandbox."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from blazebot.keys.keystore import Keystore
from blazebot.sandbox.rules.avatars import picture_type
from tests.wire.sandbox_peers import Box, new_id, sandbox_here

PNG = b"\x89PNG\r\n\x1a\n and so on"
GIF = b"GIF89a and so on"


def kept(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


@pytest.fixture
async def bot(box: Box) -> Keystore:
    return await box.bot()


async def give(box: Box, bot_id: str, data: bytes) -> tuple[int, Any]:
    path = f"{box.url}control/bots/{bot_id}/avatar"
    async with box.http.post(path, data=io.BytesIO(data)) as answer:
        return answer.status, await answer.json()


async def test_a_picture_is_kept_and_shown(box: Box, bot: Keystore) -> None:
    status, shown = await give(box, bot.app_id, PNG)
    assert status == 200
    path = shown["avatar_url"]
    async with box.http.get(box.url.rstrip("/") + path) as answer:
        assert (answer.status, await answer.read()) == (200, PNG)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in answer.headers["Cache-Control"]
    assert (await box.do("GET", "/bots"))["bots"][0]["avatar_url"] == path
    _, me = await box.rest(bot, "GET", "/me")
    assert me["data"]["avatar_url"] == me["data"]["app"]["icon_url"] == box.url.rstrip("/") + path

    _, replaced = await give(box, bot.app_id, GIF)
    assert replaced["avatar_url"] != path
    async with box.http.get(box.url.rstrip("/") + replaced["avatar_url"]) as answer:
        assert answer.headers["Content-Type"] == "image/gif"
    removed = await box.do("DELETE", f"/bots/{bot.app_id}/avatar")
    assert removed["avatar_url"] == ""
    assert (await box.rest(bot, "GET", "/me"))[1]["data"]["avatar_url"] == ""


async def test_a_bot_gives_itself_a_picture(box: Box, bot: Keystore) -> None:
    change = {"full_name": "Painter", "avatar_base64": b64encode(PNG).decode()}
    _, changed = await box.rest(bot, "POST", "/me", change)
    assert changed["data"]["full_name"] == "Painter"
    async with box.http.get(changed["data"]["avatar_url"]) as answer:
        assert await answer.read() == PNG


@pytest.mark.parametrize(
    "data", [b"", b"GIF", b"<svg onload='alert(1)'/>", b"<!DOCTYPE html>", b"RIFF1234WAVE"]
)
async def test_what_is_no_picture_is_refused(box: Box, bot: Keystore, data: bytes) -> None:
    status, answer = await give(box, bot.app_id, data)
    assert (status, answer["error"]["extra"]["field"]) == (400, "body")
    if data:
        change = {"avatar_base64": b64encode(data).decode(), "full_name": "Forger"}
        _, refused = await box.rest(bot, "POST", "/me", change)
        assert refused["error"]["extra"]["field"] == "avatar_base64"
    shown = await box.do("GET", f"/bots/{bot.app_id}")
    assert (shown["avatar_url"], shown["full_name"] == "Forger") == ("", False)


async def test_a_picture_may_have_four_mebibytes(box: Box, bot: Keystore) -> None:
    assert (await give(box, bot.app_id, PNG.ljust(4 * 1024 * 1024)))[0] == 200
    status, answer = await give(box, bot.app_id, PNG.ljust(4 * 1024 * 1024 + 1))
    assert status == 413
    assert answer["error"]["extra"]["reason"] == "it may have at most 4194304 bytes"
    assert (await give(box, new_id(), PNG))[0] == 404


async def test_only_pictures_of_users_are_shown(box: Box, bot: Keystore) -> None:
    alice = await box.person()
    path = f"{box.url}control/people/{alice}/attachments"
    async with box.http.post(path, data=io.BytesIO(PNG)) as answer:
        uploaded = (await answer.json())["attachment_id"]
    for name in (uploaded, new_id(), "x", "..%2fsandbox.db", "%00"):
        async with box.http.get(f"{box.url}avatars/{name}") as answer:
            assert answer.status == 404, name


async def test_a_picture_outlives_a_restart_and_the_one_before_is_gone(tmp_path: Path) -> None:
    db = str(tmp_path / "sandbox.db")
    async with sandbox_here(db=db) as box:
        bot = await box.bot()
        await give(box, bot.app_id, GIF)
        _, shown = await give(box, bot.app_id, PNG)
    async with sandbox_here(db=db) as box:
        assert (await box.do("GET", f"/bots/{bot.app_id}"))["avatar_url"] == shown["avatar_url"]
        async with box.http.get(box.url.rstrip("/") + shown["avatar_url"]) as answer:
            assert await answer.read() == PNG
    assert kept(Path(f"{db}.avatars")) == [PNG]


def test_types_of_pictures() -> None:
    assert picture_type(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert picture_type(b"RIFF\x00\x00\x00\x00WEBP") == "image/webp"
    assert picture_type(b"\xff\xd8") is None
