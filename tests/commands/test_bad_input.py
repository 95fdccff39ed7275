"""What commands say of input that cannot be, and of output that cannot be written."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, TextIO

import pytest
import typer.main
from typer.testing import CliRunner

from blazebot.cli.main import app
from tests.command_line import forked
from tests.commands.box import Box

ID: Final = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"

command: Final = typer.main.get_command(app)

in_the_module = pytest.mark.asyncio(loop_scope="module")


# Arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ("send", "notanid", "x"),
        ("send", ID),
        ("send", ID, "x", "--file", "x"),
        ("send", ID, "x", "--as", "nonsense"),
        ("send", ID, "x", "--as", "image"),
        ("send", ID, "--file", "x", "--as", "text"),
        ("announce", "x"),
        ("announce", "x", "--as", "nonsense"),
        ("call", "FOO", "/me"),
        ("call", "GET", "me"),
        ("token", "GET", "/me\udcff"),
        ("token", "GET", "/me", "--lifetime", "9" * 20),
        ("download", "../me", "x"),
        ("forget", "notanid"),
        ("talk", "notanid"),
        ("bot", "", "x"),
        ("bot", "x", "x", "--server", "http://somebody:hunter2@localhost"),
        ("bot", "x", "x", "--server", "http://a..b"),
        ("bot", "x", "x", "--token", "two\nlines"),
        ("bot", "x", "x", "--keys", "nonsense"),
        ("demo", "--keys", "nonsense"),
        ("keystore", "new", "x", "y", "z"),
        ("keystore", "convert", "x", "y", "--form", "nonsense"),
        ("dead-letters", "list", "--bot", "../x"),
        ("sandbox", "--port", "99999"),
        ("sandbox", "--sync", "nonsense"),
        ("sandbox", "--fault", "nonsense"),
        ("sandbox", "--fault", "slow seconds=x"),
        ("sandbox", "log", "--last", "-5"),
        ("sandbox", "fault", "add", "slow", "--probability", "2"),
        ("sandbox", "fault", "add", "slow", "--probability", "nan"),
        ("sandbox", "fault", "add", "slow", "--seconds", "inf"),
        ("announce", "x", "--everyone", "--at", "0001-01-01"),
        ("conformance", "--target", "http://a..b"),
        ("run", "x:bot", "--log-format", "nonsense"),
        ("worker", "x:bot", "--watch-port", "99999"),
        ("mcp", "--per-minute", "0"),
    ],
    ids=" ".join,
)
def test_an_argument_that_cannot_be_is_2(arguments: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 2, ended.output
    assert "Error" in ended.stderr
    assert "hunter2" not in ended.output


@pytest.mark.parametrize("name", ["call GET /me", "doctor", "bot x keys.json"])
@pytest.mark.parametrize(
    "server", ["http://somebody:hunter2@127.0.0.1:9", "ftp://somebody:hunter2@a", "http://a..b"]
)
def test_a_server_that_is_none_is_refused_and_not_repeated(
    tmp_path: Path, name: str, server: str
) -> None:
    ended = forked(tmp_path, *name.split(), BLAZEBOT_SERVER=server, COLUMNS="200")
    assert ended.returncode in (1, 2)
    printed = ended.stdout + ended.stderr
    assert "should start with http://" in printed
    assert "hunter2" not in printed
    assert "Traceback" not in printed


@in_the_module
async def test_no_bot_is_made_whose_keystore_could_not_be_saved(box: Box) -> None:
    (box.folder / "taken.json").touch()
    code, out, err = await box.run("bot", "Nobody", "taken.json", "--server", box.url)
    assert (code, out) == (1, "")
    assert "is there already" in err
    bots = await box.control.call("GET", "/bots")
    assert "Nobody" not in [one["full_name"] for one in bots["bots"]]


# What is to be sent


@in_the_module
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{bad", "--as", "card"), "what is to be sent as card: not JSON"),
        (("{}", "--as", "card"), "what is to be sent as card: "),
        (("{}", "--as", "buttons"), "what is to be sent as buttons: should be a JSON list"),
        (("[1]", "--as", "buttons"), "should be a JSON object, not "),
        (("\udcff",), "lone surrogates"),
        (("--file", "nothing"), "blazebot: nothing: cannot be read: No such file"),
        (("--file", "folder"), "cannot be read: Is a directory"),
        (("--file", "empty"), "blazebot: empty: it is empty"),
        (("--file", "pipe"), "is no file; save what it holds to one"),
        (("--file", "words.txt", "--as", "image"), "send it as a file, or in Python pass"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_what_cannot_be_sent_leaves_no_conversation(
    box: Box, arguments: tuple[str, ...], words: str
) -> None:
    (box.folder / "folder").mkdir(exist_ok=True)
    (box.folder / "empty").touch()
    (box.folder / "words.txt").write_text("words")
    if not (box.folder / "pipe").exists():
        os.mkfifo(box.folder / "pipe")
    (bob,) = await box.people.create(["Bob"])
    code, out, err = await box.run("send", bob, *arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1  # and no bar, as there is no terminal
    log = [entry async for entry in box.control.log(bot_id=box.bot_id)]
    assert not [one for one in log if one["kind"] == "call" and one["path"] == "/conversations"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "it is empty"),
        ("[]", "Expected `object`, got `array`"),
        ("hello", "neither JSON nor gzip"),
        ("1f8b", "truncated gzip"),
    ],
)
def test_what_is_no_frame_is_named(typed: str, words: str) -> None:
    ended = CliRunner().invoke(app, ["decode"], input=typed)
    assert ended.exit_code == 1
    assert words in ended.stderr


@in_the_module
@pytest.mark.parametrize("body", ["{bad", '"\\ud800"', "\udcff"])
async def test_a_body_that_is_no_json_is_not_sent(box: Box, body: str) -> None:
    code, _, err = await box.run("call", "POST", "/users/fetch", body)
    assert code == 1
    assert "blazebot: body: should be " in err


def test_input_that_is_no_text_is_named(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["send", ID, "-"], input=b"\xff")
    assert ended.exit_code == 2
    assert "not UTF-8" in ended.stderr


# What is printed


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["decode", "frame"], ["decode", "--back", "frame"]]
)
@pytest.mark.parametrize("path", ["/dev/full", "pipe"])
def test_output_that_cannot_be_written_is_told_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    path: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = {"id": ID, "action": "ERROR", "data": os.urandom(100_000).hex()}
    Path("frame").write_text(json.dumps(frame))
    with _opened(path) as file:
        monkeypatch.setattr(sys, "stdout", file)
        with pytest.raises(SystemExit) as ended:
            command(arguments)
    assert ended.value.code == 1
    told = "blazebot: cannot write: No space left on device\n" if path == "/dev/full" else ""
    assert capfd.readouterr().err == told


def _opened(path: str) -> TextIO:
    """Open what cannot be written: a file, or a pipe that nobody reads."""
    if path != "pipe":
        return Path(path).open("w")
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, "w")


@in_the_module
async def test_a_list_is_an_object_as_json(box: Box) -> None:
    assert await box.tells("announcements", "list", "--json") == {"announcements": []}
    listed = await box.tells("conformance", "--list", "--only", "token-expired", "--json")
    (check,) = listed["checks"]
    assert set(check) == {"name", "rule", "source", "needs"}


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_sandbox_that_is_ended_is_done(tmp_path: Path, number: signal.Signals) -> None:
    sandbox = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "blazebot", "sandbox", "--port", "0"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    assert sandbox.stdout is not None
    try:
        await sandbox.stdout.readline()  # it serves
        sandbox.send_signal(number)
        assert await asyncio.wait_for(sandbox.wait(), 30) == 0
    finally:
        if sandbox.returncode is None:
            sandbox.kill()
            await sandbox.wait()
