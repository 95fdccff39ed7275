"""``python -m fuzz TARGET [--seconds N]``: feed a target mutated bytes and watch what it covers.

``--all`` runs every target for so long, two at a time. The last line of each is a JSON object:
``target``, ``seconds``, ``cpu_seconds``, ``executions`` and ``findings``. What is a finding, see
the targets and ``watch``: an error that is not promised, an answer 500, a secret that is shown; and
an input that takes longer than ten seconds, or a process that ends or grows beyond 1 GiB. The first
one ends the run of its target, and is kept in ``fuzz/findings``: ``--replay FILE`` tries it again.

The corpus grows in ``fuzz/grown/TARGET`` from run to run, on top of the small one of the repository
in ``fuzz/corpus/TARGET``, for which ``--sample`` takes some of both.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer
from typing import Final, NamedTuple

from fuzz.seeds import DICTIONARY, sow
from fuzz.targets import TARGETS

HERE: Final = Path(__file__).parent

AT_ONCE: Final = 2
"""Targets that run side by side."""

MOST: Final = 40
"""Inputs of a target in the repository."""
LARGEST: Final = 2048
"""Bytes of the largest of them."""

_EXECUTED: Final = re.compile(r"^#(\d+)\s", re.MULTILINE)
_GRACE: Final = 120  # seconds beyond its time, after which a process hangs


def main() -> int:
    """Do as asked; return 1 if there was a finding."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("--all", action="store_true", help="run every target")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--replay", type=Path, nargs="+", help="try these inputs, once each")
    parser.add_argument("--sample", action="store_true", help="take the small corpus anew")
    arguments = parser.parse_args()
    if arguments.all == bool(arguments.target):
        parser.error("name a target, or pass --all")
    targets = list(TARGETS) if arguments.all else [arguments.target]
    if arguments.replay:
        return _replay(targets[0], arguments.replay)
    if arguments.sample:
        for target in targets:
            _sample(target)
        return 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        findings = list(pool.map(lambda target: _run(target, arguments.seconds), targets))
    return 1 if any(findings) else 0


def _replay(target: str, files: list[Path]) -> int:
    with TARGETS[target]() as attempt:
        for file in files:
            attempt(file.read_bytes())
    return 0


def _run(target: str, seconds: int) -> int:
    """Fuzz one target; print what came of it, and return the number of findings."""
    grown, findings = HERE / "grown" / target, HERE / "findings"
    for folder in (grown, findings):
        folder.mkdir(parents=True, exist_ok=True)
    sow(target, grown)
    before = set(findings.iterdir())
    dictionary = findings / "dictionary"
    dictionary.write_text(DICTIONARY)
    began = time.monotonic()
    status, output, cpu = _guided(
        target,
        str(grown),
        str(HERE / "corpus" / target),
        f"-max_total_time={seconds}",
        f"-artifact_prefix={findings}/{target}-",
        f"-dict={dictionary}",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-max_len=4096",
        within=seconds + _GRACE,
    )
    kept = [one for one in set(findings.iterdir()) - before if one.name.startswith(f"{target}-")]
    found = max(len(kept), int(status != 0))
    if found:
        print(output, file=sys.stderr)  # noqa: T201
    summary = {
        "target": target,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(cpu, 1),
        "executions": max(map(int, _EXECUTED.findall(output)), default=0),
        "findings": found,
    }
    print(json.dumps(summary), flush=True)  # noqa: T201
    return found


class _Guided(NamedTuple):
    """A process that has ended: its exit status, what it wrote, and its time on processors."""

    status: int
    output: str
    cpu_seconds: float


def _guided(target: str, *options: str, within: float) -> _Guided:
    """Run libFuzzer in a process until it ends, at most so many seconds."""
    (HERE / "corpus" / target).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "fuzz.guided", target, *options],
            cwd=HERE.parent,
            env={**os.environ, "TMPDIR": folder},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        deadline = Timer(within, process.kill)
        deadline.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            deadline.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        words = output.read().decode(errors="replace")
    return _Guided(process.returncode, words, used.ru_utime + used.ru_stime)


def _sample(target: str) -> None:
    """Replace the corpus of the repository by some small inputs, short ones and longer ones.

    Each of them has covered something new when it was found.
    """
    corpus = HERE / "corpus" / target
    known = [one for folder in (corpus, HERE / "grown" / target) for one in folder.glob("*")]
    small = {one.name: one.read_bytes() for one in known if one.stat().st_size <= LARGEST}
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    names = sorted(small, key=lambda name: (len(small[name]), name))
    for name in names[:: max(1, -(-len(names) // MOST))]:
        (corpus / name).write_bytes(small[name])


if __name__ == "__main__":
    sys.exit(main())
