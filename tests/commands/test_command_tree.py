"""All commands at once: their help, their completion, and the tests that run each of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
from typer.testing import CliRunner

from blazebot.cli.main import app
from blazebot.cli.sandbox_fault import KINDS
from blazebot.sandbox.faults import Kind

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")

RUN_BY: dict[str, dict[str, tuple[str, ...]]] = {
    "commands/test_demo.py": {
        "test_demo_without_a_terminal_plays_a_conversation": ("demo",),
    },
    "commands/test_terminal.py": {
        "test_a_sandbox_says_in_words_why_it_cannot_start": ("sandbox",),
    },
    "commands/test_sandbox_commands.py": {
        "test_the_log_shows_calls_in_words_and_as_json": ("sandbox log",),
        "test_faults_are_added_listed_and_cleared": (
            "sandbox fault add",
            "sandbox fault list",
            "sandbox fault clear",
        ),
        "test_an_announcement_is_paused_shown_and_cancelled": (
            "announcements show",
            "announcements pause",
            "announcements cancel",
        ),
        "test_a_person_is_forgotten": ("forget",),
    },
    "commands/test_commands.py": {
        "test_from_the_readme_to_a_talk": ("bot", "talk"),
        "test_send_and_download_beside_a_bot": ("send", "download"),
    },
    "commands/test_new.py": {
        "test_a_new_project_is_ready": ("new",),
    },
    "wire/test_bot_running.py": {
        "test_one_that_is_refused_ends_alone_and_starts_again_with_a_new_keystore": ("run",),
    },
    "nats/test_serving.py": {
        "test_a_gateway_and_workers_serve_a_bot": (
            "gateway",
            "worker",
            "engine init",
            "engine status",
        ),
        "test_what_no_handler_takes_becomes_a_dead_letter_until_it_is_handled": (
            "dead-letters list",
        ),
    },
    "wire/test_mcp.py": {
        "test_an_assistant_reads_writes_and_answers_whom_it_may": ("mcp",),
    },
    "commands/test_announce.py": {
        "test_from_the_first_to_the_last_command": (
            "announce",
            "announcements list",
            "announcements resume",
            "announcements retry",
            "announcements export",
            "announcements recall",
        ),
    },
    "commands/test_tools.py": {
        "test_the_doctor_tells_causes_apart": ("doctor",),
        "test_a_keystore_is_told_without_its_secrets": ("keystore check",),
        "test_a_new_keystore_can_be_read": ("keystore new",),
        "test_a_converted_keystore_is_taken": ("keystore convert",),
        "test_listening_leaves_messages_to_the_bot_unless_told": ("listen",),
        "test_a_call_shows_data_or_the_error": ("call",),
        "test_a_token_is_taken_for_its_request": ("token",),
        "test_json_back_to_a_frame": ("decode",),
    },
    "wire/test_bot_dead_letters.py": {
        "test_a_replay_reaches_the_bot_that_runs": (
            "dead-letters",
            "dead-letters show",
            "dead-letters replay",
        ),
        "test_what_is_dropped_is_not_handled_again": ("dead-letters drop",),
    },
    "commands/test_conformance.py": {
        "test_a_sandbox_keeps_every_rule": ("conformance",),
    },
}
"""Tests by their files, and the commands that each of them runs."""

EXIT_CODES = {
    "0": "commands/test_tools.py::test_the_doctor_finds_nothing",
    "1": "commands/test_tools.py::test_mistakes_say_what_to_do",
    "2": "commands/test_run.py::test_mistakes_are_answered_in_one_line",
    "3": "commands/test_announce.py::test_from_the_first_to_the_last_command",
    "130": "commands/test_announce.py::test_ctrl_c_pauses_and_the_same_command_goes_on",
}

NO_JSON = {"sandbox", "talk", "run", "gateway", "worker", "mcp", "call", "decode"}
"""They tell no facts, or JSON anyway."""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each command with its name, the groups too."""
    yield " ".join(path), command
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, (*path, name))


TREE = dict(commands(typer.main.get_command(app)))
LEAVES = {
    name: one
    for name, one in TREE.items()
    if not hasattr(one, "commands") or one.invoke_without_command
}


@pytest.mark.parametrize("name", TREE)
def test_a_command_says_what_it_does_and_what_each_of_its_options_is(name: str) -> None:
    ended = CliRunner().invoke(app, [*name.split(), "--help"])
    assert ended.exit_code == 0
    assert "Usage" in ended.stdout
    command = TREE[name]
    first = command.help.partition("\n\n")[0]
    assert first.endswith(".")
    assert len(first) <= 100, "the list of commands shows it in two lines at most"
    for parameter in command.params:
        assert parameter.help, parameter.name
        assert parameter.hidden or parameter.help.endswith((".", "...")), parameter.name
    if name in LEAVES and name not in NO_JSON:
        assert "--json" in {option for one in command.params for option in one.opts}


def test_every_command_is_run_by_a_test_that_there_is() -> None:
    run = [name for tests in RUN_BY.values() for names in tests.values() for name in names]
    assert sorted(run) == sorted(LEAVES)
    for path, tests in RUN_BY.items():
        for test, names in tests.items():
            assert is_there(path, test)
            source = (ROOT / "tests" / path).read_text()
            assert all(re.search(rf"\b{name.split()[-1]}\b", source) for name in names), path


def is_there(path: str, test: str) -> bool:
    source = (ROOT / "tests" / path).read_text()
    return bool(re.search(rf"^(async )?def {test}\(", source, re.MULTILINE))


def test_the_documented_exit_codes_are_those_that_tests_hold() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    documented = re.findall(r"^\| (\d+) \|", page.partition("## Exit codes")[2], re.MULTILINE)
    assert documented == list(EXIT_CODES)
    assert all(is_there(*test.split("::")) for test in EXIT_CODES.values())


def test_the_names_of_faults_are_those_of_the_sandbox() -> None:
    assert get_args(Kind) == KINDS


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_a_shell_completes_what_it_was_taught(tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",  # it would ask the parent process
    }
    subprocess.run(
        [Path(sys.executable).with_name("blazebot"), "--install-completion", "bash"],
        env=environment,
        check=True,
        capture_output=True,
        timeout=30,
    )

    def completed(line: str) -> set[str]:
        words = line.split(" ")
        script = (
            'source ~/.bashrc; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
            '_blazebot_completion blazebot; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        ended = subprocess.run(
            [str(BASH), "-c", script, "bash", *words],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return set(ended.stdout.split())

    assert {"send", "sandbox"} <= completed("blazebot s")
    assert completed("blazebot sandbox fault add d") == {"drop", "duplicate"}
    assert completed("blazebot keystore convert a b --form n") == {"network-user"}
    assert {"audio"} == completed("blazebot send x --as a")
