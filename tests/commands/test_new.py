"""``blazebot new``: the project that it makes passes its own test, linter and type checker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blazebot.cli.new import make_project, package_name
from blazebot.errors import ProjectError
from tests.commands.types_check import check_types


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[1:])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_new_project_is_ready(tmp_path: Path) -> None:
    made = run(tmp_path, "blazebot", "new", "my-bot")
    assert made.returncode == 0, made.stderr
    project = tmp_path / "my-bot"
    for command in (
        ("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"),
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
    ):
        ended = run(project, *command)
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
    ended = check_types(project)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # It has no keystore, so it cannot run yet, but it is found and says why.
    ended = run(project, "blazebot", "run", "my_bot.bot:bot")
    assert ended.returncode == 1
    assert "keystore.json: there is no such file" in ended.stderr


def test_a_keystore_stays_out_of_the_repository_and_the_image(tmp_path: Path) -> None:
    project = make_project("my-bot", tmp_path)
    (project / "keystore.json").write_text("{}")
    (project / "my_bot" / "old-keystore.json").write_text("{}")
    git = ["git", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q"], cwd=project, check=True)
    files = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-standard"],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert "my_bot/bot.py" in files
    assert not [one for one in files if "keystore" in one]
    assert (project / ".dockerignore").read_text().splitlines()[1] == "*"  # all but what is named


def test_nothing_is_left_to_be_filled_in(tmp_path: Path) -> None:
    project = make_project("a_bot", tmp_path)
    texts = [one.read_text() for one in project.rglob("*") if one.is_file()]
    assert len(texts) == 11
    assert not [text for text in texts if "${" in text or "package" in text.split()]
    assert "$(BIN)/blazebot run a_bot.bot:bot" in (project / "Makefile").read_text()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    project = make_project("bot", tmp_path)  # an empty folder will do
    readme = (project / "README.md").read_text()
    (project / "README.md").write_text("mine")
    with pytest.raises(ProjectError, match="there already"):
        make_project("bot", tmp_path)
    assert (project / "README.md").read_text() == "mine" != readme
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="there already"):
        make_project("file", tmp_path)
    with pytest.raises(ProjectError, match="Not a directory"):
        make_project("bot", tmp_path / "file")


@pytest.mark.parametrize("name", ["bot", "My-Bot", "a1", "tip_bot-2", "async-io", "b" * 64])
def test_names_that_do(name: str) -> None:
    assert package_name(name).isidentifier()


@pytest.mark.parametrize(
    "name",
    [
        *("", "1bot", "-bot", "bot-", "a--b", "a b", "a/b", "..", "bot\n", "böt", "b" * 65),
        *("class", "JSON", "tests", "blazebot"),
    ],
)
def test_names_that_do_not(name: str) -> None:
    with pytest.raises(ProjectError):
        package_name(name)
