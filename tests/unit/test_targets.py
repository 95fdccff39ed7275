"""What ``blazebot run`` is told to run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazebot.bot.targets import load_bot, source_folder
from blazebot.errors import BotsEnded, TargetError

BOT = "from blazebot import Bot\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, whose modules are forgotten in the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("target_"):
            del sys.modules[name]


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    "target",
    [
        "target_app.target_main:bot",
        "target_app.target_main",
        "target_app/target_main.py:bot",
        "target_app/target_main.py",
        "./target_app/target_main.py",
    ],
)
def test_a_bot_is_found_by_module_and_by_file(folder: Path, target: str) -> None:
    write(folder, "target_app/__init__.py", "")
    write(folder, "target_app/target_main.py", f"{BOT}bot = Bot('here.json')\nbeside = bot\n")
    assert load_bot(target).keystore_path == Path("here.json")


def test_two_bots_of_one_file_are_of_one_module(folder: Path) -> None:
    write(folder, "target_two.py", f"{BOT}one, two = Bot('1'), Bot('2')\nboth = (one, two)\n")
    one, two = load_bot("target_two.py:one"), load_bot("./target_two.py:two")
    assert sys.modules["target_two"].both == (one, two)


def test_the_modules_beside_a_file_are_found(folder: Path) -> None:
    write(folder, "deep/target_beside.py", "NAME = 'beside.json'\n")
    write(folder, "deep/target_file.py", f"{BOT}from target_beside import NAME\nbot = Bot(NAME)\n")
    assert load_bot("deep/target_file.py").keystore_path == Path("beside.json")


def test_a_script_that_runs_its_bot_is_left_to_the_command(folder: Path) -> None:
    script = f"import blazebot\n{BOT}bot = Bot('none.json')\nbot.run()\nblazebot.run(bot, bot)\n"
    write(folder, "target_script.py", script)
    assert load_bot("target_script.py:bot").keystore_path == Path("none.json")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("target_none", "there is no module 'target_none'"),
        ("target_pack.none:bot", "there is no module 'target_pack.none'"),
        ("none.py:bot", "there is no file none.py"),
        ("target_pack:cat", "no 'cat': give target_pack:one or target_pack:two"),
        ("target_pack:number", "number is no Bot but a int: give target_pack:one"),
        ("target_pack", "several bots: give target_pack:one or target_pack:two"),
        ("target_empty", "target_empty has no Bot"),
        ("target_empty.py:bot", "has no 'bot'"),
        ("", "'' is no module's name"),
        (":bot", "'' is no module's name"),
        (".target_pack:bot", "is no module's name"),
        ("json.py", "there is no file json.py"),
        ("sys.py:bot", "would hide the module 'sys'"),
    ],
)
def test_what_is_not_there_is_named(folder: Path, target: str, words: str) -> None:
    write(folder, "target_pack/__init__.py", f"{BOT}one, two, number = Bot('1'), Bot('2'), 3\n")
    write(folder, "target_empty.py", "")
    write(folder, "sys.py", "")
    with pytest.raises(TargetError) as raised:
        load_bot(target)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import target_missing\n", ModuleNotFoundError),
        ("def (\n", SyntaxError),
        ("raise TypeError('at import')\n", TypeError),
    ],
)
@pytest.mark.parametrize("target", ["target_broken", "target_broken.py"])
def test_what_a_module_raises_is_its_own(
    folder: Path, text: str, error: type[Exception], target: str
) -> None:
    write(folder, "target_broken.py", text)
    with pytest.raises(error):
        load_bot(target)


def test_the_folder_of_the_source(folder: Path) -> None:
    assert source_folder("a/b.py:bot") == folder / "a"
    assert source_folder("a.b:bot") == folder


def test_the_end_of_several_bots_says_of_each_why() -> None:
    ended = BotsEnded({"one": ValueError("bad"), "two": TimeoutError()})
    assert "bot one has ended: bad; bot two has ended:" in str(ended)
