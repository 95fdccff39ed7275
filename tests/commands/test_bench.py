"""``python -m bench``: a small run of each benchmark, and that dropped work is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import pytest

import bench.__main__ as command
from bench import comparison
from bench.checker import Checker
from bench.comparison import COMPARISONS
from bench.encryption import NEW_SENDERS, Senders, Session
from bench.frames import Sent, decompress, encode_push, make_texts
from bench.peers import Peer
from bench.plots import COST, THROUGHPUT, Bar, bars
from bench.runs import RunFailed, run_once
from bench.sandbox import run_sandbox
from blazebot.keys.encryption import MessageCipher
from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore

ROOT = Path(__file__).parents[2]

FIELDS = {"name", "floor_us", "blazebot_us", "ratio", "rate", "p99_ms", "peak_mb"}

TIMED = {
    "start",
    "handshake",
    "100 pending",
    "echo",
    "100 of a history",
    "conversations of one person",
    "conversations with all bots",
    "all bots",
    "the clock is moved",
    "all that is pending expires",
    "echo, while much expires",
}

SVG = "{http://www.w3.org/2000/svg}"

SENT = [
    Sent("m0", "one", "0 hi"),
    Sent("m1", "two", "1 hi"),
    Sent("m2", "one", "2 hi"),
]


def run_bench(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_benchmarks_run_and_say_what_they_found(tmp_path: Path) -> None:
    plots = tmp_path / "plots"
    *results, announce, start, stages, sandbox, fixtures = run_bench(
        *("--messages", "100", "--rounds", "1", "--plots", str(plots))
    )
    assert (fixtures["name"], fixtures["messages"]) == ("fixtures", 100)
    assert fixtures["test_ms"] > 0
    assert (sandbox["name"], sandbox["messages"]) == ("sandbox", 100)
    for result in (*results, announce, start, stages, sandbox, fixtures):
        assert result.keys() >= FIELDS
    assert (announce["name"], stages["name"]) == ("announce", "stages")
    assert all(stage["us"] >= 0 for stage in stages["stages"])
    assert {path.name for path in plots.iterdir()} == {COST, THROUGHPUT}
    assert min(sandbox["rate"], sandbox["cpu_us"], sandbox["peak_mb"]) > 0
    assert [result["name"] for result in results] == list(COMPARISONS)
    assert start["import_ms"] > 0
    for result in (*results, start):
        assert result["floor_us"] > 0
        assert result["ratio"] == pytest.approx(
            result["blazebot_us"] / result["floor_us"], abs=0.02
        )
        assert result["rate"] > 0
        assert result["peak_mb"] > 10
        one_at_a_time = result["name"] == "latency"
        assert (result["p99_ms"] is not None) == one_at_a_time


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    drawn = bars("a < b", [Bar("one & two", 2.0, "2"), Bar("none", 1.0, "1")])
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    _, longest, half = (float(one.attrib["width"]) for one in root.iter(f"{SVG}rect"))
    assert half == pytest.approx(longest / 2)
    assert "one & two" in [text.text for text in root.iter(f"{SVG}text")]


async def test_another_client_that_fails_does_not_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = Peer("broken", "bench.no_such_client", tmp_path)
    monkeypatch.setattr(comparison, "PEERS", (there, Peer("absent", "", tmp_path / "absent")))
    result = await comparison.compare("receive", 100, 1, peers=True)
    (broken,) = result.peers
    assert (broken.name, broken.us) == ("broken", None)
    assert "ended before its work" in broken.failure


def test_the_scale_is_timed() -> None:
    (result,) = run_bench("scale", "--bots", "100", "--messages", "2000")
    assert {timing["name"] for timing in result["timings"]} == TIMED
    assert all(0 < timing["p50_ms"] <= timing["p99_ms"] for timing in result["timings"])


async def test_a_sandbox_that_loses_an_echo_fails_the_run() -> None:
    # A bot that only receives, where echoes are wanted.
    with pytest.raises(RunFailed, match="50 echoes are not seen"):
        await run_sandbox(50, 1, limit=2.0, bot_does="receive")


async def test_a_client_that_leaves_work_undone_fails_the_run() -> None:
    # Receiving only, where echoes are wanted.
    with pytest.raises(RunFailed, match=r"50 not echoed"):
        await run_once("bench.floor", "echo", 50, limit=2.0, client_does="receive")


def test_a_failed_run_is_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(*args: object, **options: object) -> None:
        raise RunFailed("echo: 3 not echoed")

    monkeypatch.setattr(command, "compare", fail)
    assert command.main(["echo", "--rounds", "1"]) == 1
    assert "3 not echoed" in capsys.readouterr().err


async def test_a_client_that_ends_early_fails_the_run() -> None:
    with pytest.raises(RunFailed, match="ended before its work"):
        await run_once("bench.no_such_client", "receive", 10, limit=2.0)


def test_a_pushed_frame_has_the_size_that_figures_are_given_for() -> None:
    (sent,) = make_texts(1, 1)
    user_id = sent.conversation_id
    assert len(decompress(encode_push(sent, user_id, user_id))) == 668


def test_what_the_stub_encrypts_is_what_blazebot_decrypts_and_few_senders_are_new() -> None:
    issued = issue_keystore("ed25519", str(uuid4()), str(uuid4()))
    keystore = Keystore.load(issued.document)
    session = Session(json.dumps(issued.document))
    senders = Senders(session)
    cipher = MessageCipher(keystore.session_id, keystore.private_key)
    blobs = [senders.encrypt(b"hi %d" % number) for number in range(3 * NEW_SENDERS)]
    plaintexts = [b"hi %d" % number for number in range(3 * NEW_SENDERS)]
    assert [cipher.decrypt(blob) for blob in blobs] == plaintexts
    assert [session.decrypt(blob) for blob in blobs] == plaintexts
    assert len({blob[3:35] for blob in blobs}) == 3


def test_a_client_that_asks_again_is_pushed_what_is_left() -> None:
    checker = Checker(SENT, echo=False)
    assert checker.first_left == 0
    push_all(checker)
    for message_id in ("m0", "m2"):
        checker.on_receipt(message_id)
    assert checker.first_left == 1
    checker.on_receipt("m1")
    assert checker.first_left == 3


def push_all(checker: Checker) -> None:
    for number in range(len(SENT)):
        checker.on_push(number)


def echo_all(checker: Checker) -> None:
    for one in SENT:
        checker.on_echo(one.conversation_id, f"echo of {one.message_id}", one.text)


def acknowledge_all(checker: Checker) -> None:
    for one in SENT:
        checker.on_receipt(one.message_id)


def test_whole_work_has_no_faults() -> None:
    checker = Checker(SENT, echo=True)
    push_all(checker)
    echo_all(checker)
    acknowledge_all(checker)
    assert checker.complete
    assert checker.faults == {}


def test_a_message_pushed_again_may_be_acknowledged_again() -> None:
    checker = Checker(SENT, echo=False)
    push_all(checker)
    checker.on_push(0)
    acknowledge_all(checker)
    checker.on_receipt("m0")
    assert checker.faults == {}


@pytest.mark.parametrize(
    ("do", "fault"),
    [
        (lambda checker: checker.on_receipt("m0"), "acknowledged more often than pushed"),
        (lambda checker: checker.on_receipt("m9"), "unknown message acknowledged"),
        (lambda checker: checker.on_echo("one", "x", "0 hi"), "echoed again"),
        (lambda checker: checker.on_echo("one", "x", "0 hi!"), "message that is no echo"),
    ],
)
def test_doing_more_than_the_work_is_a_fault(do: Callable[[Checker], None], fault: str) -> None:
    checker = Checker(SENT, echo=True)
    push_all(checker)
    echo_all(checker)
    acknowledge_all(checker)
    do(checker)
    assert checker.faults == {fault: 1}


@pytest.mark.parametrize(
    ("echoes", "faults"),
    [
        ([("one", "a", "2 hi"), ("one", "b", "0 hi")], {"echo out of order": 1}),
        ([("one", "a", "0 hi"), ("one", "a", "2 hi")], {"message id used again": 1}),
        ([("two", "a", "0 hi")], {"echo to the wrong conversation": 1}),
        ([], {}),
    ],
)
def test_a_wrong_echo_is_a_fault(
    echoes: list[tuple[str, str, str]], faults: dict[str, int]
) -> None:
    checker = Checker(SENT, echo=True)
    push_all(checker)
    for echo in echoes:
        checker.on_echo(*echo)
    assert checker.faults == {"not acknowledged": 3, "not echoed": 3 - len(echoes)} | faults


def test_acknowledging_before_the_echo_is_a_fault() -> None:
    checker = Checker(SENT, echo=True)
    push_all(checker)
    acknowledge_all(checker)
    echo_all(checker)
    assert checker.faults == {"acknowledged before its echo": 3}
