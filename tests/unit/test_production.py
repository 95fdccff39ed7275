"""What the page on running in production shows fits the code, and the programs that it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blazebot.bot.settings import PREFIX, BotSettings
from blazebot.watch.counts import BotStatus, Counts, HandlerCounts
from blazebot.watch.metrics import exposition

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "production.md").read_text()


def block(language: str) -> str:
    """Return the fenced block of the page in this language: there is one."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def test_its_environment_variables_are_settings() -> None:
    named = set(re.findall(rf"{PREFIX}([A-Z_]+)", PAGE))
    assert {name.lower() for name in named} <= set(BotSettings.__struct_fields__)


def test_its_files_are_those_of_the_code() -> None:
    named = re.findall(r"^\| `([\w.*-]+)` \|", PAGE, re.MULTILINE)
    sources = [path.read_text() for path in (ROOT / "src" / "blazebot").rglob("*.py")]
    for name in named:
        quoted = f'"{name}"' if "*" not in name else 'f"session-{session_id}.lock"'
        assert any(quoted in source for source in sources), name
    assert len(named) == 9


def test_its_alerts_are_about_metrics_that_exist() -> None:
    numbers = {name: 0 for name in Counts.__dataclass_fields__ if name not in ("handlers", "jobs")}
    by_name = {"one": HandlerCounts()}
    counts = Counts(**numbers, handlers=by_name, jobs=by_name)
    body, _ = exposition([BotStatus("a bot", "open", counts=counts)], "")
    there = set(re.findall(r"^(blazebot_\w+)\{", body.decode(), re.MULTILINE))
    rules = re.findall(r"expr: (.*)", block("yaml"))
    asked = [set(re.findall(r"blazebot_\w+", rule)) for rule in rules]
    assert all(asked)
    assert set().union(*asked) <= there


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_takes_its_unit(tmp_path: Path) -> None:
    unit = tmp_path / "shop-bot.service"
    program = re.compile(r"/opt/\S+/blazebot")
    unit.write_text(program.sub(sys.executable, block("ini")))
    command = ("systemd-analyze", "verify", str(unit))
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (told.returncode, told.stderr) == (0, "")
    unit.write_text(block("ini").replace("Restart=always", "Restart=now and then"))
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert "service restart specifier" in told.stderr
