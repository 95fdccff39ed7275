"""What is shown of checks and of what became of them: as they come, as JSON, as a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from blazebot.conformance.check import Check, Need
from blazebot.conformance.runner import FAILED, OK, SKIPPED, Outcome, Result, run_checks
from blazebot.conformance.targets import Target

__all__ = ["document", "report", "table"]

_STYLES: Final = {OK: "green", FAILED: "bold red", SKIPPED: "yellow"}
_WORDS: Final = {OK: "ok", FAILED: "FAILED", SKIPPED: "skipped"}

_NEEDS: Final = {
    Need.LINE: "the line",
    Need.RECIPIENT: "a recipient",
    Need.PEER: "a second bot",
    Need.PERSON: "a person",
}


async def report(target: Target, checks: Sequence[Check], *, as_json: bool = False) -> int:
    """Try checks and print what becomes of them; return 1 if one has failed, else 0."""
    console = Console(highlight=False, markup=False, soft_wrap=True, quiet=as_json)
    width = max(len(check.name) for check in checks)
    results = []
    async with aclosing(run_checks(target, checks)) as trying:
        async for result in trying:
            results.append(result)
            console.print(_line(result, width))
    counts = Counter(result.outcome for result in results)
    if as_json:
        print(json.dumps(_document(target.name, results, counts)), flush=True)  # noqa: T201
    console.print(
        f"{target.name}: {counts[OK]} ok, {counts[FAILED]} failed, {counts[SKIPPED]} skipped"
    )
    return 1 if counts[FAILED] else 0


def table(checks: Iterable[Check]) -> str:
    """Return checks as the table that stands in the documentation."""
    rows = ["| check | rule | source | needs |", "|---|---|---|---|"]
    for check in checks:
        needs = ", ".join(_needs(check))
        rows.append(f"| `{check.name}` | {check.rule} | {check.source} | {needs} |")
    return "\n".join(rows)


def document(checks: Iterable[Check]) -> dict[str, Any]:
    """Return checks as a JSON object."""
    return {
        "checks": [
            {
                "name": check.name,
                "rule": check.rule,
                "source": check.source,
                "needs": _needs(check),
            }
            for check in checks
        ]
    }


def _needs(check: Check) -> list[str]:
    return [words for need, words in _NEEDS.items() if need in check.needs]


def _line(result: Result, width: int) -> Text:
    check = result.check
    words = (
        Text.assemble(f"{_WORDS[result.outcome]:8}", style=_STYLES[result.outcome]),
        f"{check.name:{width}}  ",
    )
    if result.outcome == FAILED:
        rule = f"  ({check.source}: {check.rule})"
        return Text.assemble(*words, _plain(result.detail), (rule, "dim"))
    return Text.assemble(*words, (_plain(result.detail) or check.rule, "dim"))


def _plain(text: str) -> str:
    """Return text on one line: what the service says may not steer the terminal."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _document(target: str, results: Sequence[Result], counts: Counter[Outcome]) -> dict[str, Any]:
    return {
        "target": target,
        "checks": [
            {
                "name": result.check.name,
                "rule": result.check.rule,
                "source": result.check.source,
                "outcome": result.outcome,
                "detail": result.detail,
                "seconds": result.seconds,
            }
            for result in results
        ],
        "passed": counts[OK],
        "failed": counts[FAILED],
        "skipped": counts[SKIPPED],
    }
