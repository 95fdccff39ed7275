"""The pytest plugin, used as the author of a bot does: pytest runs in a project's own folder."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from blazebot.testing import SandboxProcess

DOCS = Path(__file__).parents[2] / "docs" / "testing.md"
WITHIN = 60.0

SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
blazebot_bot = echo:bot
filterwarnings = error
"""

ECHO = """
from blazebot import Bot, Message, Text

bot = Bot("keystore.json")

@bot.on(Text)
async def echo(message: Message[Text]) -> None:
    await message.reply(message.content.text)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with an echo bot, whose keystore is not there."""
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "echo.py").write_text(ECHO)
    return tmp_path


def command(*arguments: str) -> list[str]:
    # Without plugins that only the tests of this project need: to import them takes a second.
    left_out = ("no:cacheprovider", "no:schemathesis", "no:hypothesispytest")
    options = [word for name in left_out for word in ("-p", name)]
    return [sys.executable, "-m", "pytest", *options, *arguments]


def environment() -> dict[str, str]:
    # What stands in this run's environment is none of the other's business.
    return {name: value for name, value in os.environ.items() if "PYTEST" not in name}


def run(project: Path, test: str, *arguments: str) -> str:
    """Run a test file; return what pytest prints."""
    (project / "test_bot.py").write_text(test)
    done = subprocess.run(
        command("-q", *arguments),
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    return done.stdout + done.stderr


def test_all_fixtures_by_both_names_and_their_types(project: Path) -> None:
    test = """
from collections.abc import Mapping
from datetime import timedelta
import pytest
from blazebot import Bot, Router
from blazebot.testing import Clock, CreatePerson, Faults, Person, RunBot, Sandbox

@pytest.fixture(scope="session")
def blazebot_settings() -> Mapping[str, object]:
    return {"quota": 7}

async def test_all(
    sandbox: Sandbox, blazebot_sandbox: Sandbox,
    clock: Clock, blazebot_clock: Clock,
    faults: Faults, blazebot_faults: Faults,
    run_bot: RunBot, blazebot_run_bot: RunBot,
    person: CreatePerson, blazebot_person: CreatePerson,
    alice: Person, blazebot_alice: Person,
    bob: Person, blazebot_bob: Person,
    bot: Bot, blazebot_bot: Bot,
) -> None:
    assert sandbox is blazebot_sandbox and bot is blazebot_bot
    assert alice is blazebot_alice and bob is blazebot_bob and alice is not bob
    carol: Person = await person("Carol")
    assert (alice.name, bob.name, carol.name) == ("Alice", "Bob", "Carol")
    other: Bot = await run_bot(Router(), name="Other", max_tries=1)
    await clock.advance(timedelta(hours=1))
    await carol.send("hi", to=bot)
    assert (await carol.next()).text == "hi"
    async with faults.on("duplicate"):
        await bob.send("hi", to=bot)
        assert (await bob.next()).text == "hi"
    assert sandbox.url.startswith("http://127.0.0.1:")
    state = await sandbox.control.bot(other.id)
    assert state["connected"] and state["quota"] == 7
"""
    assert "1 passed" in run(project, test)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "test_bot.py"],
        cwd=project,
        env={**environment(), "MYPYPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert "Success" in checked.stdout, checked.stdout


def test_strict_mode_and_a_fixture_of_the_project(project: Path) -> None:
    (project / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n"
    )
    shown = run(
        project,
        """
import pytest, pytest_asyncio
from echo import bot as echo

@pytest_asyncio.fixture
async def bot(run_bot):
    return await run_bot(echo, name="Echo")

@pytest.fixture
def clock():
    return "mine"

@pytest.mark.asyncio
async def test_echo(bot, alice, clock, blazebot_clock):
    assert clock == "mine" != blazebot_clock
    await alice.send("hello")
    assert (await alice.next()).text == "hello"
""",
    )
    assert "1 passed" in shown


def test_a_failure_shows_the_conversation_and_a_lost_sandbox_its_log(project: Path) -> None:
    shown = run(
        project,
        """
import os, signal

async def test_words(bot, alice):
    await alice.send("hello")
    assert (await alice.next()).text == "good-bye"

async def test_silence(bot, alice):
    await alice.next(within=0.1)

def test_kill(blazebot_process):
    os.kill(blazebot_process.pid, signal.SIGKILL)

async def test_echo(bot): ...
""",
    )
    assert "2 failed, 1 passed, 1 error" in shown
    lost, _, failures = shown.partition("= FAILURES =")
    assert "the sandbox cannot be reached" in lost
    assert "The log of the sandbox:" in lost
    words, _, silence = failures.partition("test_silence")
    assert "- Conversations -" in words
    assert re.search(r"  Alice: 'hello'  \(\w+\)\n.*  Bot: 'hello'  \(DELIVERED\)", words)
    assert "Alice waited 0.1 s for a message, and none came" in silence
    assert "The wire:" in silence
    assert "- Conversations -" not in silence  # it was shown already
    assert ">       await alice.next(within=0.1)" in silence
    assert "sandbox.py" not in silence  # the traceback ends in the test


def test_one_loop_for_all_tests(project: Path) -> None:
    (project / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nblazebot_bot = echo:bot\n"
        "asyncio_default_fixture_loop_scope = session\nasyncio_default_test_loop_scope = session\n"
    )
    test = """
import pytest

@pytest.mark.parametrize("number", range(3))
async def test_echo(bot, alice, number):
    await alice.send("hello")
    assert (await alice.next()).text == "hello"
"""
    assert "3 passed" in run(project, test)
    (project / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nblazebot_bot = echo:bot\n"
        "asyncio_default_fixture_loop_scope = function\nasyncio_default_test_loop_scope = session\n"
    )
    shown = run(project, test, "-k", "0")
    assert "asyncio_default_test_loop_scope should be equal" in shown


def test_a_bot_that_is_not_named_is_asked_for(project: Path) -> None:
    (project / "pytest.ini").write_text(SETTINGS.replace("blazebot_bot = echo:bot", ""))
    shown = run(project, "async def test_echo(bot): ...")
    assert "no bot to run: write blazebot_bot = 'module:name'" in shown


def test_without_pytest_asyncio(project: Path) -> None:
    (project / "pytest_asyncio.py").write_text("raise ImportError")  # as where there is none
    (project / "pytest.ini").write_text("[pytest]\nblazebot_bot = echo:bot\n")
    (project / "test_bot.py").write_text(
        "def test_other(): ...\ndef test_echo(bot): ...\ndef test_alice(alice): ...\n"
    )
    done = subprocess.run(
        command("-q", "-p", "no:asyncio"),
        cwd=project,
        env={**environment(), "PYTHONPATH": os.pathsep.join((str(project), *sys.path))},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.stdout.count("need pytest-asyncio: pip install 'blazebot[testing]'") >= 2
    assert "1 passed, 2 errors" in done.stdout


def test_where_it_is_not_used_nothing_of_it_is_loaded(project: Path) -> None:
    shown = run(
        project,
        """
import sys

def test_other():
    assert "pytest_blazebot" in sys.modules
    assert not [name for name in sys.modules if name.partition(".")[0] in ("blazebot", "aiohttp")]
""",
    )
    assert "1 passed" in shown


class Waiting:
    """pytest in a test that waits, and its sandbox."""

    def __init__(self, pytest_process: asyncio.subprocess.Process, sandbox: psutil.Process) -> None:
        self.pytest = pytest_process
        self.sandbox = sandbox

    async def sandbox_ended(self) -> None:
        """Wait for the sandbox's end, which nobody but its parent is told."""
        await asyncio.to_thread(self.sandbox.wait, 20)


@pytest.fixture
async def waiting(project: Path) -> AsyncIterator[Waiting]:
    (project / "test_bot.py").write_text(
        """
import asyncio

async def test_wait(bot, blazebot_process):
    print("waits with", blazebot_process.pid, flush=True)
    await asyncio.sleep(60)
"""
    )
    process = await asyncio.create_subprocess_exec(
        *command("-s"),
        cwd=project,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        # Where these tests run in the background of a shell, SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN):
        while not (line := await process.stdout.readline()).startswith(b"test_bot.py waits with"):
            assert line
    sandbox = psutil.Process(int(line.split()[-1]))
    yield Waiting(process, sandbox)
    if process.returncode is None:
        process.kill()
        await process.wait()
    if sandbox.is_running():
        sandbox.kill()


# SIGTERM ends Python as SIGKILL does: nothing of it runs any more.
@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)],
)
async def test_the_sandbox_ends_with_pytest_however_that_ends(
    waiting: Waiting, number: signal.Signals
) -> None:
    assert waiting.sandbox.is_running()
    waiting.pytest.send_signal(number)
    async with asyncio.timeout(WITHIN):
        await waiting.pytest.wait()
        await waiting.sandbox_ended()


async def test_a_sandbox_whose_start_is_given_up_ends(tmp_path: Path) -> None:
    process = SandboxProcess(tmp_path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await process.start()
    assert not process.is_running


def test_what_the_documentation_shows(project: Path) -> None:
    blocks = re.findall(r"```(\w+)\n(.*?)```", DOCS.read_text(), re.S)
    for number, test in enumerate(text for language, text in blocks if language == "python"):
        (project / f"test_block_{number}.py").write_text(test)
    shown = run(project, "")
    assert re.search(r"\d+ passed", shown), shown
    assert "failed" not in shown
    assert "error" not in shown
