"""What needs the extra ``nats`` says so where it is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

COMMANDS: Final = (
    ("engine", "init", "bot.json"),
    ("engine", "status", "bot.json"),
    ("gateway", "bot.json"),
    ("dead-letters", "list", "--bot", "82d20bc7-9a97-4a69-bcd0-4da502374f6c"),
)

SCRIPT: Final = f"""
import sys
sys.modules["nats"] = None  # as if it were not installed
from blazebot.cli.main import app
for command in {COMMANDS}:
    try:
        app([*command, "--engine", "nats://127.0.0.1:1"])
    except SystemExit as end:
        print(end.code)
"""


def test_what_needs_nats_says_how_to_install_it(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    told = "blazebot: engine: needs the extra `nats`: pip install 'blazebot[nats]'"
    assert ended.stderr.splitlines() == [told] * len(COMMANDS)
    assert ended.stdout.split() == ["1"] * len(COMMANDS)
