"""What the documentation shows is run: its Python, the talks with its bots, its errors.

A page joins by having a fenced block of Python. Each section (from one ``##`` to the next) has a
``bot`` of its own. A block ``talk`` is played through a sandbox; a block ``text`` that begins with
``RegistrationError:`` is what the check of the bot says, where ``...`` stands for anything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from blazebot import Bot, Message, RegistrationError, Text
from blazebot.keys.issue import issue_keystore
from blazebot.testing.control import Control, People
from tests.catalogs import write_catalog
from tests.commands.talks import Talk
from tests.pages import DOCS, Section, run, sections

REFUSED = "RegistrationError: "

# Translations have the same code, and the tutorial has a test of its own.
PAGES = [*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md")]
SECTIONS = [one for path in sorted(PAGES) if "." not in path.stem for one in sections(path)]


class Stage:
    """A sandbox, and people who talk to the bots of the pages."""

    def __init__(self, url: str, control: Control, people: People) -> None:
        self.url = url
        self._control = control
        self._people = people

    async def keystore(self) -> bytes:
        """Create a bot; return its keystore."""
        bot_id = await self._control.create_bot("Bot")
        return msgspec.json.encode(await self._control.issue_session(bot_id, "app"))

    async def play(self, bot: Bot, talk: str) -> None:
        """Let people who are new say what they say in ``talk``, and see what they are answered."""
        await Talk(self._control, self._people, bot.id).play(talk)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(sandbox_url: str) -> AsyncIterator[Stage]:
    async with aiohttp.ClientSession() as http, People(http, sandbox_url) as people:
        yield Stage(sandbox_url, Control(http, sandbox_url), people)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("section", SECTIONS, ids=str)
async def test_a_section(
    section: Section, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keystore.json").write_bytes(await stage.keystore())
    write_catalog(tmp_path / "locales", "zh", {"Welcome": "欢迎"})
    write_catalog(tmp_path / "locales", "ja", {"Welcome": "ようこそ"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLAZEBOT_SERVER", stage.url)
    monkeypatch.setenv("BLAZEBOT_KEYSTORE", "keystore.json")
    monkeypatch.setenv("BLAZEBOT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BLAZEBOT_MAX_TRIES", "1")
    module = ModuleType("snippet")
    monkeypatch.setitem(sys.modules, "snippet", module)
    names = vars(module)
    names["bot"] = Bot("keystore.json")
    for block in section.blocks:
        if block.language == "python":
            run(section, block, names)
        elif block.language == "talk":
            async with names["bot"] as bot:
                await stage.play(bot, block.text)
        elif block.text.startswith(REFUSED):
            assert_refused(names["bot"], block.text.removeprefix(REFUSED).strip())
    if section.blocks[-1].language == "python" and isinstance(names["bot"], Bot):
        names["bot"].check()


def assert_refused(bot: Bot, words: str) -> None:
    """Assert that the check of the bot says ``words``."""
    with pytest.raises(RegistrationError) as refused:
        bot.check()
    pattern = ".*".join(map(re.escape, words.split("...")))
    assert re.fullmatch(pattern, str(refused.value)), refused.value


def test_pages_are_read_by_section_and_by_block() -> None:
    routers = [one for one in SECTIONS if one.page == "routers.md"]
    titles = ["Routers and handlers", "Commands and patterns", "Routers", "The start and the end"]
    assert [one.title for one in routers] == titles
    languages = [block.language for block in routers[1].blocks]
    assert languages == ["python", "talk", "python", "text"]
    page = (DOCS / "routers.md").read_text().splitlines()
    for block in routers[1].blocks:
        assert page[block.line] == block.text.splitlines()[0]


def test_words_that_are_not_said_are_found_out() -> None:
    bot = Bot(issue_keystore("app", str(uuid4()), str(uuid4())).document)
    with pytest.raises(pytest.fail.Exception):
        assert_refused(bot, "anything")
    bot.command("a", "a")(handler)
    assert_refused(bot, "/a is taken twice...")
    with pytest.raises(AssertionError, match="taken twice"):
        assert_refused(bot, "/b is taken twice...")


async def handler(message: Message[Text]) -> None: ...
