"""Run the parts of the test suite one after another, and print the time of each.

``python -m tests.parts`` runs all; names of parts run those.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

PYTHON = sys.executable


@dataclass(frozen=True)
class Part:
    """Commands that make up a part, and the seconds that it should stay within on 2 cores.

    They run at once: one that keeps a single core busy goes beside one that waits.
    """

    name: str
    budget: int
    commands: tuple[tuple[str, ...], ...]


def pytest(folder: str, *options: str) -> tuple[str, ...]:
    """Return the command for the tests in ``folder``."""
    return (PYTHON, "-m", "pytest", "-q", *options, folder)


def at_once(processes: int) -> tuple[str, ...]:
    """Return options of pytest to run in so many processes: the more of it is waiting, the more."""
    return ("-n", str(processes), "--dist", "worksteal")


PARTS = (
    Part(
        "lint",
        60,
        (
            (PYTHON, "-m", "ruff", "check", "."),
            (PYTHON, "-m", "ruff", "format", "--check", "."),
            (PYTHON, "-m", "mypy"),
        ),
    ),
    Part("unit", 60, (pytest("tests/unit", *at_once(3)),)),
    Part("wire", 120, (pytest("tests/wire", *at_once(4)),)),
    Part("commands", 90, (pytest("tests/commands", *at_once(3)), pytest("tests/docs"))),
    Part("nats", 90, (pytest("tests/nats", *at_once(4)),)),
    Part("browser", 90, (pytest("tests/browser", *at_once(3)),)),
    Part("soak", 60, (pytest("tests/soak", *at_once(3)),)),
)


def passes(part: Part) -> bool:
    """Run a part's commands; what the first prints is seen at once, the others' at their end."""
    first, *others = part.commands
    with tempfile.TemporaryFile() as printed:
        beside = [subprocess.Popen(one, stdout=printed, stderr=printed) for one in others]
        results = [subprocess.run(first, check=False).returncode, *(one.wait() for one in beside)]
        printed.seek(0)
        sys.stdout.buffer.write(printed.read())
        sys.stdout.flush()
    return not any(results)


def main(names: list[str]) -> int:
    """Run the parts; return 0 if all passed."""
    unknown = set(names) - {part.name for part in PARTS}
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}", file=sys.stderr)  # noqa: T201
        return 2
    lines = []
    failed = False
    for part in PARTS:
        if names and part.name not in names:
            continue
        print(f"\n== {part.name}", flush=True)  # noqa: T201
        began = time.monotonic()
        passed = passes(part)
        took = time.monotonic() - began
        failed = failed or not passed
        lines.append(
            f"{part.name:10} {took:6.1f} s of {part.budget:4d} s   {'ok' if passed else 'FAILED'}"
        )
    print("\n" + "\n".join(lines), flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
