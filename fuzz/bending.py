"""Good JSON, bent a little: fields missing, doubled, of another type, out of range."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fuzz.choices import Choices

NAME: Final = "@"
"""What begins a text that stands for one of several ids: ``@people``."""

_ODD: Final[tuple[Any, ...]] = (
    None,
    "",
    0,
    True,
    -1,
    [],
    {},
    " ",
    2**31,
    2**63,
    -(2**63) - 1,
    10**30,
    1e308,
    0.5,
    "0",
    "\0",
    "\ud800",
    "é" * 300,
    "a" * 5000,
    "../../etc/passwd",
    "%2e%2e%2f",
    "00000000-0000-0000-0000-000000000000",
    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    [None],
    [[[[[]]]]],
    {"": ""},
    [1] * 300,
)

_MOST_BENDS: Final = 4


def filled(choices: Choices, value: Any, names: Mapping[str, Sequence[str]]) -> Any:
    """Return ``value`` with an id of its kind for each text such as ``@people``."""
    if isinstance(value, dict):
        return {name: filled(choices, one, names) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(choices, one, names) for one in value]
    if not isinstance(value, str) or not value.startswith(NAME):
        return value
    kind = value.removeprefix(NAME)
    return choices.new_id() if kind == "new" else choices.pick(names[kind])


def bent(choices: Choices, value: Any) -> Any:
    """Return a copy of ``value`` with up to a few of its places changed."""
    holder = [copy.deepcopy(value)]
    for _ in range(choices.below(_MOST_BENDS)):
        _bend(choices, holder)
    return holder[0] if holder else None


def spelled(choices: Choices, value: Any) -> bytes:
    """Return ``value`` as JSON, now and then with bytes missing or put in."""
    text = json.dumps(value, ensure_ascii=choices.once_in(4)).encode("utf-8", "surrogatepass")
    if choices.once_in(8):
        at = choices.below(len(text) + 1)
        text = text[:at] + choices.some() + text[at + choices.below(8) :]
    if choices.once_in(32):
        depth = 1 + choices.below(4000)
        text = b"[" * depth + text + b"]" * choices.pick((depth, 0))
    return text


def _bend(choices: Choices, holder: list[Any]) -> None:
    """Change one place of what is in ``holder``, which is not itself part of it."""
    places = list(_places(holder))
    if not places:
        return
    parent, key = choices.pick(places)
    value = parent[key]
    match choices.below(7):
        case 0:
            parent[key] = copy.deepcopy(choices.pick(_ODD))
        case 1:
            parent[key] = choices.text()
        case 2 if isinstance(value, str):
            at = choices.below(len(value) + 1)
            parent[key] = value[:at] + choices.text() + value[at + choices.below(3) :]
        case 3 if isinstance(value, list):
            parent[key] = value * choices.pick((2, 50, 150))
        case 4 if isinstance(parent, dict):
            parent[choices.text() or "type"] = parent.pop(key)
        case 5:
            other, there = choices.pick(places)
            parent[key] = copy.deepcopy(other[there])
        case _:
            parent[key] = [value]


def _places(value: Any) -> Any:
    """Yield each container in ``value`` with each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])
