"""What the documentation shows is run: its Python, the talks with its bots, its errors.

A page joins by having a fenced block of Python. Each section (from one ``##`` to the next) has a
``bot`` of its own. A block ``talk`` is played through a sandbox; a block ``text`` that begins with
``RegistrationError:`` is what the check of the bot says, where ``...`` stands for anything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from blazebot import Bot, Message, RegistrationError, Text
from blazebot.keys.issue import issue_keystore
from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess
from tests.catalogs import write_catalog

DOCS = Path(__file__).parents[2] / "docs"
WITHIN = 20.0
REFUSED = "RegistrationError: "

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page above its first."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Section:
    """What is under a heading of a page."""

    page: str
    title: str
    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.title}"


def sections(path: Path) -> list[Section]:
    """Return the sections of a page that have a block of Python."""
    page = path.read_text()
    found = []
    starts = [0, *(match.start() for match in re.finditer(r"^## ", page, re.MULTILINE)), len(page)]
    for start, end in pairwise(starts):
        title = page[start:end].partition("\n")[0].lstrip("# ")
        blocks = tuple(
            Block(match[1], match[2], page.count("\n", 0, match.start(2)))
            for match in _BLOCK.finditer(page, start, end)
        )
        if any(block.language == "python" for block in blocks):
            found.append(Section(path.name, title, blocks))
    return found


SECTIONS = [one for path in sorted(DOCS.glob("*.md")) for one in sections(path)]


class Stage:
    """A sandbox, and people who talk to the bots of the pages."""

    def __init__(self, sandbox: SandboxProcess, control: Control, people: People) -> None:
        self.sandbox = sandbox
        self._control = control
        self._people = people

    async def keystore(self) -> bytes:
        """Create a bot; return its keystore."""
        bot_id = await self._control.create_bot("Bot")
        return msgspec.json.encode(await self._control.issue_session(bot_id, "app"))

    async def play(self, bot: Bot, talk: str) -> None:
        """Say what people say in ``talk``, and wait for what the bot answers, to the one before."""
        ids: dict[str, str] = {}
        expected: dict[str, list[str]] = {}
        person = ""
        for line in talk.splitlines():
            who, _, text = line.partition("> ")
            if who == "bot":
                expected[person].append(text)
                await self._until_said(person, bot, expected[person])
                continue
            if who not in ids:
                (ids[who],) = await self._people.create([who.capitalize()])
                await self._people.watch([ids[who]])
                expected[ids[who]] = []
            person = ids[who]
            await self._people.send([{"person_id": person, "recipient_id": bot.id, "text": text}])
        for person, texts in expected.items():
            assert self._texts(person, bot) == texts

    async def _until_said(self, person: str, bot: Bot, texts: list[str]) -> None:
        await self._people.until(lambda: self._texts(person, bot)[: len(texts)] == texts, WITHIN)

    def _texts(self, person: str, bot: Bot) -> list[str]:
        seen = sorted(self._people.seen[person].values(), key=lambda one: int(one["seq"]))
        return [one["text"] for one in seen if one["user_id"] == bot.id]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    sandbox = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    await sandbox.start()
    async with aiohttp.ClientSession() as http, People(http, sandbox.url) as people:
        yield Stage(sandbox, Control(http, sandbox.url), people)
    await sandbox.stop()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("section", SECTIONS, ids=str)
async def test_a_section(
    section: Section, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keystore.json").write_bytes(await stage.keystore())
    write_catalog(tmp_path / "locales", "zh", {"Welcome": "欢迎"})
    write_catalog(tmp_path / "locales", "ja", {"Welcome": "ようこそ"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLAZEBOT_SERVER", stage.sandbox.url)
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


def run(section: Section, block: Block, names: dict[str, Any]) -> None:
    """Run Python with the lines of its page in tracebacks and errors."""
    code = compile(
        "\n" * block.line + block.text, f"docs/{section.page}", "exec", dont_inherit=True
    )
    exec(code, names)  # noqa: S102 - it is our own


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
