"""What was measured, drawn: SVG of horizontal bars, in dark pages and light ones."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from bench.comparison import Result
from bench.stages import StagesResult

__all__ = ["Bar", "bars", "draw"]

COST: Final = "cost-by-stage.svg"
THROUGHPUT: Final = "throughput.svg"

_WIDTH: Final = 800
_LABELS: Final = 320
_LONGEST: Final = 380
_ROW: Final = 26
_TOP: Final = 48
_COLOURS: Final = {"floor": "#8a8f98", "blazebot": "#2f6fdb", "peer": "#c2703d"}


class Bar(NamedTuple):
    """One bar: ``kind`` is ``floor``, ``blazebot`` or ``peer``; ``words`` stand at its end."""

    label: str
    value: float
    words: str
    kind: str = "blazebot"


def draw(results: Sequence[object], folder: Path) -> list[Path]:
    """Draw what there is among ``results`` into ``folder``; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[Path] = []
    for result in results:
        if isinstance(result, StagesResult):
            rows = [Bar(one.name, one.us, f"{one.us:.2f} µs") for one in result.stages]
            drawn.append(folder / COST)
            drawn[-1].write_text(bars("CPU of a message by stage, in microseconds", rows))
    compared = [result for result in results if isinstance(result, Result)]
    if rows := [bar for result in compared for bar in _rates(result)]:
        drawn.append(folder / THROUGHPUT)
        drawn[-1].write_text(bars("Messages that one core carries a second, by CPU", rows))
    return drawn


def _rates(result: Result) -> list[Bar]:
    if result.p99_ms is not None:  # one at a time: no throughput
        return []
    costs = [
        ("floor", result.floor_us, "floor"),
        ("Blazebot", result.blazebot_us, "blazebot"),
        *((one.name, one.us, "peer") for one in result.peers if one.us is not None),
    ]
    return [
        Bar(f"{result.name}, {who}", 1e6 / us, f"{1e6 / us:,.0f}", kind) for who, us, kind in costs
    ]


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Return an SVG of ``rows``, whose longest bar is as long as there is room."""
    most = max((row.value for row in rows), default=0) or 1
    height = _TOP + _ROW * len(rows) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="14">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="28" font-size="16" fill="#1b1f24">{escape(title)}</text>',
    ]
    for number, row in enumerate(rows):
        y = _TOP + _ROW * number
        length = max(1.0, row.value / most * _LONGEST)
        lines += [
            f'<text x="{_LABELS - 8}" y="{y + 17}" text-anchor="end" fill="#1b1f24">'
            f"{escape(row.label)}</text>",
            f'<rect x="{_LABELS}" y="{y + 4}" width="{length:.1f}" height="{_ROW - 8}" '
            f'fill="{_COLOURS[row.kind]}"/>',
            f'<text x="{_LABELS + length + 6:.1f}" y="{y + 17}" fill="#1b1f24">'
            f"{escape(row.words)}</text>",
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"
