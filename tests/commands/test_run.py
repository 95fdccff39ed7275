"""``blazebot run`` where it cannot run: said in words, and in the exit status."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import forked

BOT = "from blazebot import Bot\nbot = Bot('keystore.json', data_dir='data')\n"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("none:bot",), 2, "there is no module 'none'"),
        (("app:cat",), 2, "app has no 'cat': give app:bot"),
        (("app", "none.py"), 2, "there is no file none.py"),
        ((), 2, "Missing argument"),
        (("app",), 1, "keystore.json has ended: keystore.json: there is no such file"),
        (("app", "--log-format", "xml"), 2, "--log-format"),
        (("app", "--watch-host", "0.0.0.0"), 1, "set watch_token"),  # noqa: S104
    ],
)
def test_mistakes_are_answered_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    (tmp_path / "app.py").write_text(BOT)
    ended = forked(tmp_path, "run", *arguments)
    assert ended.returncode == status, ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("def (\n", "SyntaxError"),
        ("import gone\n", "No module named 'gone'"),
        ("1 / 0\n", "app.py"),
    ],
)
def test_what_the_module_raises_is_shown_from_its_own_code_on(
    tmp_path: Path, text: str, error: str
) -> None:
    (tmp_path / "app.py").write_text(text)
    ended = forked(tmp_path, "run", "app:bot")
    assert ended.returncode == 1
    assert error in ended.stderr
    assert f'File "{tmp_path}/app.py", line 1' in ended.stderr
    for ours in ("importlib", "targets.py", "cli/run.py"):
        assert ours not in ended.stderr


def test_a_port_that_is_in_use_is_named(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BOT)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = forked(tmp_path, "run", "app", "--watch-port", port)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"blazebot: watch_port: 127.0.0.1 port {port} cannot be")


def test_a_handler_that_is_none_ends_the_start_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from blazebot import Bot, Message, Text\n"
        "from blazebot.keys.issue import issue_keystore\n"
        "ID = '82d20bc7-9a97-4a69-bcd0-4da502374f6c'\n"
        "bot = Bot(issue_keystore('app', ID, ID).document, data_dir='data')\n"
        "@bot.on(Text)\n"
        "async def take(message: Message[Text], basket: list[int]) -> None: ...\n"
    )
    ended = forked(tmp_path, "run", "app")
    assert ended.returncode == 1
    assert "app.py:5" in ended.stderr
    assert "basket" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_reload_needs_its_extra(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BOT)
    program = (
        "import sys; sys.modules['watchfiles'] = None; from blazebot.cli.main import app; app()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "run", "app", "--reload"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "pip install 'blazebot[reload]'" in ended.stderr
