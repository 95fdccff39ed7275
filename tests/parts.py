"""Run the parts of the test suite one after another, and print the time of each.

``python -m tests.parts`` runs all; names of parts run those.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

PYTHON = sys.executable


@dataclass(frozen=True)
class Part:
    """Commands that make up a part, and the seconds that it should stay within on 2 cores."""

    name: str
    budget: int
    commands: tuple[tuple[str, ...], ...]


def pytest(folder: str, *options: str) -> tuple[str, ...]:
    """Return the command for the tests in ``folder``."""
    return (PYTHON, "-m", "pytest", "-q", *options, folder)


AT_ONCE = ("-n", "3", "--dist", "worksteal")
"""In three processes: these tests mostly wait for other processes."""


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
    Part("unit", 60, (pytest("tests/unit", *AT_ONCE),)),
    Part("wire", 120, (pytest("tests/wire", *AT_ONCE),)),
    Part("commands", 90, (pytest("tests/commands", *AT_ONCE),)),
    Part("nats", 90, (pytest("tests/nats", *AT_ONCE),)),
    Part("browser", 90, (pytest("tests/browser", *AT_ONCE),)),
    Part("docs", 60, (pytest("tests/docs"),)),
    Part("soak", 60, (pytest("tests/soak", *AT_ONCE),)),
)


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
        results = [subprocess.run(command, check=False).returncode for command in part.commands]
        took = time.monotonic() - began
        passed = not any(results)
        failed = failed or not passed
        lines.append(
            f"{part.name:10} {took:6.1f} s of {part.budget:4d} s   {'ok' if passed else 'FAILED'}"
        )
    print("\n" + "\n".join(lines), flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
