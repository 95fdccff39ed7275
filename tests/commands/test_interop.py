"""``python -m interop``: its steps see what a bot does, and what it leaves undone.

The clients themselves are installed by ``make interop`` only; here the bot is one of ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

import interop.__main__ as command
from blazebot.testing.control import People
from interop.clients import CLIENTS, Client, Installation
from interop.installing import InstallationFailed, install
from interop.runs import run, steps_of
from interop.stage import Stage
from interop.steps import FURTHER, LOOP

BOT = Path(__file__).parent / "interop_bot.py"
NOTHING = Installation(Path(), program=sys.executable, manifest=None, commands=())
TAKEN = [*LOOP, "send PLAIN_TEXT"]


@pytest.fixture
async def stage(sandbox_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with aiohttp.ClientSession() as http, People(http, sandbox_url) as people:
        yield Stage(
            sandbox_url,
            http,
            people,
            directory=tmp_path,
            environment={**os.environ, "BLAZEBOT_SERVER": sandbox_url},
        )


def client(mode: str, *, also: str = "") -> Client:
    """A client whose bot runs in this mode, and which knows the loop, texts, and one step more."""
    return Client(
        mode,
        NOTHING,
        (sys.executable, str(BOT), mode),
        keys="app",
        sends=("PLAIN_TEXT",),
        lacks=frozenset(FURTHER) - {also},
    )


async def test_a_bot_that_does_all(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    result = await run(client("honest", also="reconnect"), stage)
    assert result.ok
    assert result.document() == {
        "version": "1.2.3",
        **dict.fromkeys([*TAKEN, "reconnect"], True),
        "ok": True,
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "honest 1.2.3"
    assert [line.split(" ok ")[0].strip() for line in lines[1:]] == [*TAKEN, "reconnect"]


@pytest.mark.parametrize(
    ("mode", "undone"),
    [
        ("deaf", ["receive", "reply"]),
        ("twice", ["reply"]),
        ("unread", ["reply", "acknowledge"]),
        ("loud", ["send PLAIN_TEXT"]),
        ("crash", ["send PLAIN_TEXT"]),
    ],
)
async def test_what_is_left_undone_is_noticed(stage: Stage, mode: str, undone: list[str]) -> None:
    stage.within = 1.0
    result = await run(client(mode), stage)
    undone_steps = [step for step, done in result.steps.items() if not done]
    assert set(undone) <= set(undone_steps)
    assert list(result.steps) == TAKEN
    document = result.document()
    assert document["ok"] is False
    assert list(document["failures"]) == undone_steps


async def test_a_client_that_may_try_again_does(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    once = "import os, sys; os.path.exists('{0}') or sys.exit(open('{0}', 'w').close())"
    honest = client("honest").command
    words = f"{once.format(tmp_path / 'tried')}; os.execv(sys.executable, sys.argv[1:])"
    fickle = replace(client("fickle"), command=(honest[0], "-c", words, *honest))
    assert not (await run(fickle, stage)).ok
    (tmp_path / "tried").unlink()
    result = await run(replace(fickle, name="persistent", attempts=2), stage)
    assert result.ok
    assert result.document()["attempts"] == 2
    assert "persistent: attempt 2 of 2" in capsys.readouterr().out


async def test_what_a_bot_cannot_do_is_a_failure_of_that_step(stage: Stage) -> None:
    result = await run(client("honest", also="users"), stage)
    assert result.failures == {"users": "me: no such thing"}


async def test_a_bot_that_does_not_start_hides_no_other(stage: Stage) -> None:
    for spoilt in (
        replace(client("ended"), command=(sys.executable, "-c", "raise SystemExit('no such SDK')")),
        replace(client("missing"), command=("no-such-program",)),
    ):
        result = await run(spoilt, stage)
        assert list(result.failures) == ["start"]
    assert (await run(client("honest"), stage)).ok


def test_a_client_lacks_only_steps_that_there_are() -> None:
    for one in CLIENTS:
        assert one.lacks <= set(FURTHER), one.name
        assert set(LOOP) < set(steps_of(one)), one.name


def test_an_installation_is_done_once_and_its_failure_says_why(tmp_path: Path) -> None:
    (tmp_path / "manifest").touch()
    said = (sys.executable, "-c", "open('runs', 'a').write('x')")
    installation = Installation(tmp_path, sys.executable, "manifest", (said,))
    install(installation)
    install(installation)
    assert (tmp_path / "runs").read_text() == "x"
    install(replace(installation, manifest=None))
    assert (tmp_path / "runs").read_text() == "xx"
    (tmp_path / ".ready").unlink()
    for broken, words in (
        ((sys.executable, "-c", "raise SystemExit('no disk')"), "no disk"),
        (("no-such-program",), "no-such-program is missing"),
    ):
        with pytest.raises(InstallationFailed, match=words):
            install(replace(installation, commands=(said, broken)))
        assert not (tmp_path / ".ready").exists()


def test_what_cannot_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "manifest").touch()
    absent = Installation(tmp_path, "no-such-program", "manifest", (("no-such-program",),))
    there = {
        "optional": replace(client("optional"), installation=replace(absent, optional=True)),
        "needed": replace(client("needed"), installation=absent),
    }
    left_out, failed_one = (command.prepare(there[name]) for name in there)
    assert left_out is not None
    assert left_out.ok
    assert left_out.document() == {"ok": None, "absent": "no-such-program is not installed"}
    assert failed_one is not None
    assert not failed_one.ok
