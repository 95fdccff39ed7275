"""The demo at a terminal, and what Ctrl-C does, as a person at the keyboard has it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from blazebot.testing.control import Control, People

WITHIN = 30.0


class Terminal:
    """A program that runs in a terminal of its own."""

    def __init__(self, *command: str) -> None:
        self._keyboard, screen = pty.openpty()
        self.process = subprocess.Popen(
            command,
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
            # Its controlling terminal, so that Ctrl-C is a signal.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads
        )
        os.close(screen)
        self.text = ""

    def type(self, keys: str) -> None:
        """Type these keys."""
        os.write(self._keyboard, keys.encode())

    def until(self, pattern: str) -> None:
        """Wait until the screen shows ``pattern``, without its colours."""
        deadline = time.monotonic() + WITHIN
        while not re.search(pattern, self.text):
            readable, _, _ = select.select([self._keyboard], [], [], deadline - time.monotonic())
            assert readable, f"no {pattern!r} on the screen:\n{self.text}"
            shown = os.read(self._keyboard, 65536).decode(errors="replace")
            self.text += re.sub(r"\x1b\[[0-9;]*m", "", shown)

    def children(self) -> list[psutil.Process]:
        """Return all processes that it has started."""
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def demo() -> Iterator[Terminal]:
    terminal = Terminal(sys.executable, "-m", "blazebot", "demo")
    yield terminal
    if terminal.process.poll() is None:
        terminal.process.kill()
        terminal.process.wait()


@pytest.mark.parametrize("ending", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_a_person_types_and_sees_answer_and_ticks(demo: Terminal, ending: str) -> None:
    demo.until("Ctrl-C ends everything")
    demo.type("hello, bot\r")
    demo.until(r"✓✓ read")
    demo.until(r"Echo > hello, bot")
    children = demo.children()
    assert len(children) == 2  # sandbox and bot
    demo.type(ending)
    assert demo.process.wait(WITHIN) == 0
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert len(gone) == 2


async def announcing(url: str, folder: Path) -> list[str]:
    """Return the command that announces to two people, one of them first."""
    async with aiohttp.ClientSession() as http, People(http, url) as acting:
        control = Control(http, url)
        bot_id = await control.create_bot("News")
        people = await acting.create(["Alice", "Bob"])
        await acting.add_friend(people, bot_id)
        keystore = folder / "keystore.json"
        keystore.write_text(json.dumps(await control.issue_session(bot_id, "app")))
    (folder / "people.txt").write_text("\n".join(people))
    (folder / "message.txt").write_text("news")
    return [
        *("env", f"BLAZEBOT_SERVER={url}", f"BLAZEBOT_DATA_DIR={folder / 'data'}"),
        *(sys.executable, "-m", "blazebot", "announce", str(folder / "message.txt")),
        *("--keystore", str(keystore), "--to", str(folder / "people.txt")),
        *("--id", "news", "--first", people[0]),
    ]


def test_ctrl_c_answers_whether_the_others_get_it(sandbox_url: str, tmp_path: Path) -> None:
    terminal = Terminal(*asyncio.run(announcing(sandbox_url, tmp_path)))
    try:
        terminal.until(r"Send it to the others\?")
        terminal.type("\x03")
        terminal.until("it waits for `blazebot announcements resume news`")
        terminal.process.wait(WITHIN)
    finally:
        terminal.process.kill()
        terminal.process.wait()


def test_a_second_interrupt_ends_a_bot_at_once(tmp_path: Path) -> None:
    program = tmp_path / "hangs.py"
    program.write_text(
        "import asyncio, signal\n"
        "from blazebot import Bot\n"
        "from blazebot.keys.issue import issue_keystore\n"
        "ID = '82d20bc7-9a97-4a69-bcd0-4da502374f6c'\n"
        "bot = Bot(issue_keystore('app', ID, ID).document, server='http://127.0.0.1:1',\n"
        f"          data_dir={str(tmp_path)!r})\n"
        "stop = bot.stop\n"
        "async def never() -> None:\n"
        "    print('stopping', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "bot.stop = never\n"
        "print('running', flush=True)\n"
        "bot.run()\n"
    )
    terminal = Terminal(sys.executable, str(program))
    terminal.until("line lost")
    terminal.process.send_signal(signal.SIGINT)
    terminal.until("stopping")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(WITHIN) == -signal.SIGINT


def test_a_sandbox_says_in_words_why_it_cannot_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "blazebot", "sandbox", "--port", port],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 1
    assert port in ended.stderr
    assert "Traceback" not in ended.stderr
