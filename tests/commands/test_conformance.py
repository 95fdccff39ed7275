"""``blazebot conformance`` as a user runs it: on a sandbox of its own, and on an address."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blazebot.cli.conformance import conformance
from blazebot.conformance.check import Check, Need
from blazebot.conformance.rules import CHECKS
from blazebot.conformance.trial import WORDS
from blazebot.keys.issue import issue_keystore
from blazebot.testing.control import Control
from blazebot.testing.processes import SandboxProcess, running_sandbox
from tests.command_line import afresh, forked
from tests.commands.test_terminal import Terminal

MESSAGES_MOST, GROUPS_MOST = map(int, re.findall(r"at most (\d+)", conformance.__doc__ or ""))
COMMAND = (sys.executable, "-m", "blazebot", "conformance")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return forked(Path(), "conformance", *arguments, **environment)


async def run_json(*arguments: str) -> dict[str, Any]:
    ended = await asyncio.to_thread(run, "--json", *arguments)
    return read_report(ended.stdout, ended.returncode)


def read_report(shown: str, status: int) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(shown)
    assert status == (1 if report["failed"] else 0)
    assert len(report["checks"]) == report["passed"] + report["failed"] + report["skipped"]
    return report


class Place:
    """A sandbox that is just an address, two bots there, and somebody to write to."""

    def __init__(self, url: str, control: Control, folder: Path) -> None:
        self.url = url
        self.control = control
        self._folder = folder
        self.bot_id = self.person_id = ""
        self.keystores: list[str] = []

    async def people_it(self, *forms: str) -> None:
        for form in forms:
            bot_id = await self.control.create_bot(form)
            path = self._folder / f"{form}.json"
            path.write_text(json.dumps(await self.control.issue_session(bot_id, form)))
            path.chmod(0o600)
            self.keystores.append(str(path))
            self.bot_id = self.bot_id or bot_id
        self.person_id = await self.control.create_person("Alice")
        await self.control.add_friend(self.person_id, self.bot_id)

    async def sees(self) -> list[dict[str, Any]]:
        path = f"/people/{self.person_id}/messages?limit=1000"
        messages: list[dict[str, Any]] = (await self.control.call("GET", path))["messages"]
        return messages


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # The service's own pace of pings is tried in the sandbox that the command starts.
    folder = tmp_path_factory.mktemp("address")
    with running_sandbox(folder, settings={"heartbeat": 0.2}) as sandbox:
        yield sandbox.url


@pytest.fixture
async def place(address: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with aiohttp.ClientSession() as http:
        yield Place(address, Control(http, address), tmp_path)


def needing(*needs: Need) -> set[str]:
    return {check.name for check in CHECKS if any(need in check.needs for need in needs)}


def outcomes(report: dict[str, Any], outcome: str) -> dict[str, str]:
    return {one["name"]: one["detail"] for one in report["checks"] if one["outcome"] == outcome}


async def test_an_address_is_treated_with_manners(place: Place) -> None:
    await place.people_it("app", "rsa")
    pending = (await place.control.bot(place.bot_id))["pending"]
    assert pending == 1  # the Hello
    target = ("--target", place.url, "--keystore", place.keystores[0], "--to", place.person_id)
    report = await run_json(*target, "--peer-keystore", place.keystores[1], "--yes")
    assert outcomes(report, "failed") == {}
    skipped = outcomes(report, "skipped")
    assert skipped.keys() == needing(Need.PERSON)
    assert set(skipped.values()) == {
        "needs a person on the other side, whom only --target sandbox has"
    }

    messages = await place.sees()
    written = [one for one in messages if one["user_id"] == place.bot_id]
    assert len(written) == MESSAGES_MOST
    texts = {one["text"] for one in written if one["category"] == "PLAIN_TEXT"}
    assert texts == {WORDS, None}  # one of them was recalled
    created = [one for one in messages if one["category"] == "SYSTEM_CONVERSATION"]
    groups = {one["conversation_id"] for one in created}
    assert 0 < len(groups) <= GROUPS_MOST
    hello = next(one for one in messages if one["text"] == "Hello")
    assert hello["status"] == "SENT"  # nobody has acknowledged it


@pytest.mark.parametrize("form", ["rsa", "network-user"])
async def test_a_keystore_alone_is_enough(place: Place, form: str) -> None:
    await place.people_it(form)
    report = await run_json("--target", place.url, "--keystore", place.keystores[0], "--yes")
    assert outcomes(report, "failed") == {}
    skipped = outcomes(report, "skipped")
    assert skipped.keys() == needing(Need.RECIPIENT, Need.PEER, Need.PERSON)
    assert "--peer-keystore or --to" in skipped["send-answered"]
    assert "--peer-keystore" in skipped["token-of-another-bot"]
    assert [one["user_id"] for one in await place.sees()] == [place.person_id]  # the Hello


async def test_lines_say_what_became_of_each_check(place: Place) -> None:
    await place.people_it("app")
    target = ("--target", place.url, "--keystore", place.keystores[0])
    chosen = ("--only", "token-*", "--only", "recall")
    ended = await asyncio.to_thread(run, *target, *chosen)  # no line, so no question
    assert ended.returncode == 0, ended.stderr
    *lines, summary = ended.stdout.splitlines()
    assert lines[0].split(maxsplit=2) == ["ok", "token-taken", rule_of("token-taken")]
    assert lines[-1].startswith("skipped recall ")
    assert summary == f"{place.url}: {len(lines) - 2} ok, 0 failed, 2 skipped"
    assert (await place.control.bot(place.bot_id))["connections"] == 0


async def test_failures_are_told_with_what_was_seen(tmp_path: Path) -> None:
    folder = tmp_path / "flipped"
    folder.mkdir()
    flipped = SandboxProcess(folder, environment={"BLAZEBOT_SANDBOX_STRICT_TOKENS": "true"})
    await flipped.start()
    try:
        async with aiohttp.ClientSession() as http:
            there = Place(flipped.url, Control(http, flipped.url), tmp_path)
            await there.people_it("app")
            target = ("--target", there.url, "--keystore", there.keystores[0])
            ended = await asyncio.to_thread(run, *target, "--only", "token-reused")
    finally:
        await flipped.stop()
    assert ended.returncode == 1
    line, summary = ended.stdout.splitlines()
    assert line.startswith("FAILED  token-reused  GET /me: HTTP 202, error {")
    assert line.endswith(f"(3 [A]: {rule_of('token-reused')})")
    assert summary.endswith("0 ok, 1 failed, 0 skipped")


def rule_of(name: str) -> str:
    check: Check = next(check for check in CHECKS if check.name == name)
    return check.rule


async def test_the_line_is_taken_only_with_leave(place: Place) -> None:
    await place.people_it("app")
    target = ("--target", place.url, "--keystore", place.keystores[0])
    ended = await asyncio.to_thread(run, *target)
    assert ended.returncode == 2
    assert "--yes" in ended.stderr
    assert not ended.stdout

    terminal = Terminal(*COMMAND, *target)
    await asyncio.to_thread(terminal.until, r"Go on\? \[y/N\]: ")
    terminal.type("n\n")
    await asyncio.to_thread(terminal.until, "Aborted")
    assert await asyncio.to_thread(terminal.process.wait, 20) == 1
    assert (await place.control.bot(place.bot_id))["connections"] == 0

    chosen = (*target, "--only", "listing-again")
    terminal = Terminal(*COMMAND, *chosen)
    await asyncio.to_thread(terminal.until, "Go on")
    terminal.type("y\n")
    await asyncio.to_thread(terminal.until, "1 ok, 0 failed")
    assert await asyncio.to_thread(terminal.process.wait, 20) == 0
    assert (await place.control.bot(place.bot_id))["connections"] == 1


async def test_a_refused_keystore_is_told_at_once(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "revoked.json"
    document = issue_keystore("app", *["82d20bc7-9a97-4a69-bcd0-4da502374f6c"] * 2).document
    path.write_text(json.dumps(document))
    ended = await asyncio.to_thread(run, "--target", place.url, "--keystore", str(path), "--yes")
    assert ended.returncode == 1
    assert "refuses the keystore" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--only", "tokens"), 2, "no check is named"),
        (("--keystore", "x.json"), 2, "--target"),
        (("--target", "somewhere", "--yes"), 2, "should start with http://"),
        (("--target", "http://127.0.0.1:1", "--yes"), 1, "cannot be reached"),
        (("--target", "http://127.0.0.1:1", "--yes", "--to", "Alice"), 1, "another user"),
        (("--target", "http://127.0.0.1:1", "--yes", "--keystore", "none.json"), 1, "none.json"),
    ],
)
def test_mistakes_are_answered_in_words(
    tmp_path: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    path = tmp_path / "keystore.json"
    document = issue_keystore("app", *["82d20bc7-9a97-4a69-bcd0-4da502374f6c"] * 2).document
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    ended = run(*arguments, BLAZEBOT_KEYSTORE=str(path))
    assert ended.returncode == status
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_list_is_the_table_of_the_documentation() -> None:
    ended = run("--list", "--only", "token-e*")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[2:] == [
        f"| `token-expired` | {rule_of('token-expired')} | 3 [S] |  |"
    ]


def test_a_sandbox_keeps_every_rule(tmp_path: Path) -> None:
    ended = afresh(tmp_path, "conformance", "--json")  # for a ping it waits 15 s
    report = read_report(ended.stdout, ended.returncode)
    assert outcomes(report, "failed") == {}
    assert (report["target"], report["passed"], report["skipped"]) == ("sandbox", len(CHECKS), 0)
    first = report["checks"][0]
    assert set(first) == {"name", "rule", "source", "outcome", "detail", "seconds"}
    assert [one["name"] for one in report["checks"]] == [check.name for check in CHECKS]
