"""The wheel and the source distribution: what is in them, and that it is enough."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ONLY_BASE = Path(__file__).with_name("only_base.py")

_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"

EXTRAS = {"all", "mcp", "media", "nats", "otel", "reload", "socks", "speed", "testing"}
FOR_US = {"dev", "docs", "fuzz"}


def run(folder: Path, *command: str | Path, **environment: str) -> str:
    """Run a program that succeeds; return what it printed."""
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def build(project: Path, target: str, folder: Path) -> Path:
    """Build the ``wheel`` or ``sdist`` of a project."""
    run(project, sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder)
    (built,) = folder.iterdir()
    return built


def sources(folder: Path) -> set[str]:
    """The files of a folder by their paths, without what Python and editors leave there."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    archive = build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (project,) = folder.iterdir()
    return project


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from it, as package indexes have it."""
    return build(sdist, "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_packages_whole_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        metadata = packed.read(next(one for one in names if one.endswith("/METADATA"))).decode()
        scripts = packed.read(next(one for one in names if one.endswith("/entry_points.txt")))
    assert {one for one in names if ".dist-info/" not in one} == sources(ROOT / "src")
    for needed in (
        *("blazebot/py.typed", "pytest_blazebot/py.typed"),
        "blazebot/templates/project/package/bot.py.template",
        "blazebot/sandbox/messenger/static/index.html",
        "blazebot/sandbox/messenger/static/js/locales/ja/messenger.js",
        "blazebot/sandbox/messenger/static/js/locales/zh/messenger.js",
    ):
        assert needed in names
    headers = HeaderParser().parsestr(metadata)
    assert set(headers.get_all("Provides-Extra", [])) == EXTRAS | FOR_US
    assert headers["Requires-Python"] == ">=3.11"
    assert b"blazebot = blazebot.cli.main:app" in scripts
    assert b"blazebot = pytest_blazebot" in scripts


def test_the_source_distribution_is_what_a_newcomer_needs(sdist: Path) -> None:
    assert sources(sdist / "src") == sources(ROOT / "src")
    for folder in ("tests", "bench", "examples"):
        missing = sources(ROOT / folder) - sources(sdist / folder)
        assert not missing
    for name in (
        *("Makefile", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
        *("constraints.txt", "pyproject.toml", "docs/architecture.md"),
    ):
        assert (sdist / name).is_file(), name
    listed = " ".join(sorted(path.name for path in sdist.iterdir()))
    assert ".venv" not in listed
    assert ".git " not in listed + " "


def test_a_release_is_of_a_commit_with_nothing_beside_it(tmp_path: Path) -> None:
    def release() -> str:
        # It ends where the first environment would be made.
        ended = subprocess.run(
            ["make", "release", "PYTHON=false"],  # noqa: S607
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode != 0
        return ended.stdout + ended.stderr

    for name in ("Makefile", ".gitignore", ".ci/audit.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".audit").mkdir()
    (tmp_path / ".audit" / ".ready").touch()
    git = ["git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "A commit"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    assert "A release is of a commit" not in release()
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes() + b"\n")
    assert "A release is of a commit" in release()
    subprocess.run([*git, "checkout", "-q", "."], cwd=tmp_path, check=True)
    (tmp_path / "new.py").touch()
    assert "A release is of a commit" in release()


def test_without_extras_all_can_be_imported_or_says_what_it_needs(tmp_path: Path) -> None:
    lines = run(tmp_path, sys.executable, ONLY_BASE).splitlines()
    told = [re.search(r"^(\S+) .*pip install 'blazebot\[(\w+)\]'$", line) for line in lines]
    assert all(told), lines
    rooms = {(one[1].rpartition(".")[2], one[2]) for one in told if one}
    assert rooms == {("jetstream", "nats"), ("mcp", "mcp"), ("traces", "otel")}


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("mcp",), "mcp"),
        (("gateway", "--engine", "nats://127.0.0.1:1"), "nats"),
        (("worker", "app:bot", "--engine", "nats://127.0.0.1:1"), "nats"),
        (("engine", "status", "--engine", "nats://127.0.0.1:1"), "nats"),
        (("dead-letters", "list", "--bot", _ID, "--engine", "nats://127.0.0.1:1"), "nats"),
        (("run", "app:bot", "--reload"), "reload"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value,
)
def test_a_command_says_which_extra_it_needs(
    command: tuple[str, ...], extra: str, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("from blazebot import Bot\nbot = Bot('none.json')\n")
    ended = subprocess.run(
        [sys.executable, ONLY_BASE, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.strip().endswith(f"pip install 'blazebot[{extra}]'")


@pytest.mark.soak
def test_the_wheel_alone_keeps_the_promise(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    run(tmp_path, python, "-m", "pip", "install", "-q", "-c", constraints, wheel, PYTHONPATH="")
    blazebot = environment / "bin" / "blazebot"
    report = run(tmp_path, blazebot, "demo", "--check", "--json", PYTHONPATH="")
    assert json.loads(report)["passed"]
    run(tmp_path, blazebot, "new", "my-bot", PYTHONPATH="")
    assert (tmp_path / "my-bot" / "my_bot" / "bot.py").is_file()
    run(tmp_path, python, "-c", "import blazebot.testing", PYTHONPATH="")
