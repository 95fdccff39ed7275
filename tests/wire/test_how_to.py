"""The bots of ``docs/how-to/``, as people use them."""

from __future__ import annotations

import io
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image as Picture

from blazebot import Bot, File, Image, Text, file, image
from blazebot.testing import Person, RunBot, Sandbox
from tests.pages import DOCS, run, sections

Shown = Callable[[str, str], dict[str, Any]]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bots keep what they keep in a directory of the test's."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """The names that there are once the Python of a section has run: ``shown(page, title)``."""

    def names_of(page: str, title: str) -> dict[str, Any]:
        (section,) = [one for one in sections(DOCS / "how-to" / page) if one.title == title]
        module = ModuleType("shown")
        monkeypatch.setitem(sys.modules, "shown", module)
        for block in section.blocks:
            if block.language == "python":
                run(section, block, vars(module))
        return vars(module)

    return names_of


def files() -> dict[str, bytes]:
    """The files in the test's directory, but for those that Blazebot itself keeps."""
    return {str(path): path.read_bytes() for path in Path().glob("**/*.*") if path.is_file()}


async def test_files_are_sent(run_bot: RunBot, alice: Person, shown: Shown) -> None:
    await run_bot(shown("files.md", "Send")["bot"])
    Picture.new("RGB", (3, 2)).save("menu.png")
    await alice.send("/menu")
    assert (await alice.next(Image)).content.width == 3
    await alice.send("/list")
    prices = await alice.next(File)
    assert prices.content.name == "prices.csv"
    assert await alice.download(prices) == b"Sencha;0.8\nOolong;1.2\n"


async def test_files_are_taken(run_bot: RunBot, alice: Person, shown: Shown) -> None:
    await run_bot(shown("files.md", "Take")["bot"])
    with io.BytesIO() as data:
        Picture.new("RGB", (3, 2)).save(data, "png")
        sent = await alice.send(image(data.getvalue()))
        assert (await alice.next(Text)).text == "3 x 2: thank you."
        assert files() == {f"inbox/{sent.id}.picture": data.getvalue()}
    await alice.send(file(b"words", name="../evil.txt"))
    await alice.next(Text)
    assert b"words" in files().values()
    assert "evil.txt" not in files()


async def test_groups(run_bot: RunBot, alice: Person, bob: Person, shown: Shown) -> None:
    title = "Answer in a group, or only outside"
    bot = await run_bot(shown("groups.md", title)["bot"])
    await alice.send("hi")
    assert (await alice.next()).text == "Hello, just the two of us."
    group = await alice.create_group("Team", bot)
    await alice.send("hi", to=group)
    assert (await alice.next(Text)).text == "Noted."
    await alice.add_members(group, bob)
    assert (await alice.next(Text)).text == "Welcome."


async def test_a_group_is_made(run_bot: RunBot, alice: Person, shown: Shown) -> None:
    await run_bot(shown("groups.md", "Make a group")["bot"])
    await alice.send("/team")
    assert (await alice.next(Text)).text == "This is your group."


async def test_payments_are_thanked_for(run_bot: RunBot, alice: Person, shown: Shown) -> None:
    await run_bot(shown("payments.md", "Notice payments")["bot"])
    await alice.pay("2.5", memo="tea")
    assert (await alice.next(Text)).text == "Thank you for 2.5."


async def test_payments_are_booked(run_bot: RunBot, alice: Person, shown: Shown) -> None:
    await run_bot(shown("payments.md", "Book it once")["bot"])
    await alice.pay("2.5")
    assert (await alice.next(Text)).text == "Booked."
    with closing(sqlite3.connect("payments.db")) as database:
        assert database.execute("SELECT user, amount FROM payments").fetchall() == [
            (alice.id, "2.5")
        ]


async def join(sandbox: Sandbox, bot: Bot, tmp_path: Path) -> None:
    """Make a bot that the page's application starts by itself one of the sandbox."""
    bot_id = await sandbox.control.create_bot("Shop")
    keystore = await sandbox.control.issue_session(bot_id, "app")
    bot.use(keystore, server=sandbox.url, data_dir=str(tmp_path / "data"))


async def test_a_web_application_sends(
    blazebot_sandbox: Sandbox, alice: Person, shown: Shown, tmp_path: Path
) -> None:
    names = shown("web.md", "aiohttp")
    await join(blazebot_sandbox, names["bot"], tmp_path)
    async with TestClient(TestServer(names["app"])) as client:
        for _ in range(2):  # as one that does not know whether it got through
            answer = await client.post("/orders/paid", json={"id": 7, "user_id": alice.id})
            assert answer.status == 202
        assert (await alice.next(Text)).text == "Order 7 is paid."
        await alice.send("hi", to=names["bot"])
        assert (await alice.next(Text)).text == "Your orders are told here."


async def test_an_application_of_fastapi_sends(
    blazebot_sandbox: Sandbox, alice: Person, shown: Shown, tmp_path: Path
) -> None:
    names = shown("web.md", "FastAPI")
    await join(blazebot_sandbox, names["bot"], tmp_path)
    app = names["app"]
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Any) -> None:
        said.append(event)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/orders/7/paid",
        "query_string": f"user_id={alice.id}".encode(),
        "headers": [],
    }
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
        assert said[0]["status"] == 202
        assert (await alice.next(Text)).text == "Order 7 is paid."


async def test_a_person_logs_in(
    blazebot_sandbox: Sandbox, run_bot: RunBot, alice: Person, shown: Shown
) -> None:
    names = shown("oauth.md", "Log people in by OAuth")
    bot = await run_bot(names["bot"])
    app = web.Application()
    app.router.add_get("/log-in", names["log_in"])
    app.router.add_get("/back", names["come_back"])
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/log-in", allow_redirects=False)
        asked = parse_qs(urlsplit(answer.headers["Location"]).query)
        kept = "; ".join(f"{name}={cookie.value}" for name, cookie in answer.cookies.items())
        granted = await blazebot_sandbox.control.call(
            "POST",
            f"/people/{alice.id}/authorizations",
            {
                "bot_id": bot.id,
                "scope": asked["scope"][0],
                "code_challenge": asked["code_challenge"][0],
            },
        )
        query = {"code": granted["code"], "state": asked["state"][0]}
        stranger = await client.get("/back", params=query)
        assert stranger.status == 403
        back = await client.get("/back", params=query, headers={"Cookie": kept})
        assert await back.text() == "Hello, Alice"
    assert (await alice.next(Text)).text == "Welcome, Alice!"
