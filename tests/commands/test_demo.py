"""``blazebot demo`` as a user runs it, and its check, itself checked."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from blazebot.demo import check
from blazebot.demo.check import INTERRUPTIONS, LEAST_UNACKNOWLEDGED, run_check
from blazebot.demo.stage import Stage
from blazebot.keys.issue import FORMS
from tests.command_line import afresh, forked

SABOTAGED = Path(__file__).parent / "sabotaged_echo.py"


def test_demo_without_a_terminal_plays_a_conversation(tmp_path: Path) -> None:
    ended = afresh(tmp_path, "demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Alice > 你好，世界 🚀  ✓✓ read" in ended.stdout
    assert "Echo > 你好，世界 🚀" in ended.stdout
    assert not ended.stderr


async def test_another_port_is_taken_where_the_usual_one_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        in_use = other.getsockname()[1]
        async with Stage(keys="app", port=in_use, bot_command=("true",)) as stage:
            assert stage.sandbox.port not in {0, in_use}
            assert await stage.control.call("GET", "/bots")


@pytest.mark.parametrize(
    "keys",
    # The others sign as one of these does; `make soak` has them too.
    [
        one if one in {"app", "ed25519"} else pytest.param(one, marks=pytest.mark.soak)
        for one in FORMS
    ],
)
def test_nothing_is_lost_doubled_or_reordered_under_kills(keys: str, tmp_path: Path) -> None:
    ended = afresh(tmp_path, "demo", "--check", "--json", "--keys", keys)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(ended.stdout)
    assert report["sent"] == report["echoed"] == report["read"] == 1000
    faults = ("lost", "duplicated", "out_of_order", "strange")
    assert {fault: report[fault] for fault in faults} == dict.fromkeys(faults, 0)
    assert [(one["process"], one["signal"]) for one in report["interruptions"]] == [
        (process, number.name) for process, number in INTERRUPTIONS
    ]
    assert all(one["unacknowledged"] >= LEAST_UNACKNOWLEDGED for one in report["interruptions"])


@pytest.mark.parametrize(
    ("mechanism", "fault"), [("once", "duplicated"), ("order", "out_of_order")]
)
async def test_the_check_finds_a_bot_with_a_mechanism_switched_off(
    mechanism: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_SETTLE", 3.0)  # it is waited for in vain
    report = await run_check(keys="app", bot_command=(sys.executable, str(SABOTAGED), mechanism))
    assert report.document()[fault] > 0
    assert not report.passed


def test_wrong_arguments_are_refused_in_words(tmp_path: Path) -> None:
    ended = forked(tmp_path, "demo", "--keys", "paper")
    assert ended.returncode == 2
    assert "'rsa'" in ended.stderr
    ended = forked(tmp_path, "demo", "--json")
    assert ended.returncode == 2
    assert "--json goes with --check" in ended.stderr
