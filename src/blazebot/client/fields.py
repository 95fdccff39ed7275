"""Checks of what goes into a REST request, before anything leaves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from urllib.parse import quote

from blazebot.errors import RequestError
from blazebot.wire.ids import is_uuid

__all__ = ["at_most", "checked_id", "checked_ids", "checked_seconds", "checked_text", "segment"]

_SEGMENT_LIMIT: Final = 256


def checked_id(field: str, value: str) -> str:
    """Return a UUID in lower case; RequestError if it is none."""
    if not is_uuid(value):
        raise RequestError(field, f"should be a UUID, not {value!r:.80}")
    return value.lower()


def checked_ids(field: str, values: Sequence[str], limit: int | None = None) -> list[str]:
    """Return UUIDs in lower case, each once; RequestError if one is none or there are too many."""
    if isinstance(values, str):
        raise RequestError(field, "should be a list of UUIDs, not one text")
    ids = list(dict.fromkeys(checked_id(field, value) for value in values))
    if limit is not None:
        at_most(field, ids, limit)
    return ids


def checked_text(field: str, value: str, limit: int) -> str:
    """Return ``value``; RequestError if it has more than ``limit`` characters."""
    if len(value) > limit:
        raise RequestError(field, f"at most {limit} characters, not {len(value)}")
    return value


def at_most(field: str, values: Collection[Any], limit: int) -> None:
    """RequestError if there are more than ``limit`` of them."""
    if len(values) > limit:
        raise RequestError(field, f"at most {limit} in one request, not {len(values)}")


def checked_seconds(field: str, value: int, limit: int | None = None) -> int:
    """Return a number of seconds; RequestError if it is negative or more than ``limit``."""
    if value < 0 or (limit is not None and value > limit):
        upper = "" if limit is None else f" and at most {limit}"
        raise RequestError(field, f"should be at least 0{upper} seconds, not {value}")
    return value


def segment(field: str, value: str) -> str:
    """Return ``value`` as one segment of a path, percent-encoded; RequestError if it is empty."""
    if not value.strip() or value in (".", "..") or len(value) > _SEGMENT_LIMIT:
        raise RequestError(field, f"should have 1 to {_SEGMENT_LIMIT} characters, not {len(value)}")
    return quote(value, safe="")
