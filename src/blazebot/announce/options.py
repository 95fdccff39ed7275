"""How an announcement is made, checked before anything is kept of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple, TypedDict

from blazebot.errors import AnnouncementError
from blazebot.wire.ids import is_uuid

ID_LENGTH: Final = 100
"""Characters of an announcement's id."""


class AnnounceOptions(TypedDict, total=False):
    """How an announcement is made.

    ``id`` names it, for a content that is to be announced a second time. ``encrypt`` sends it
    encrypted, and fails for who cannot read that. ``at`` is when it begins, with a time zone.
    ``first`` is a user who gets it before all others, who wait until it is resumed. With
    ``strict``, people who cannot be sent to keep all of it from being sent; an announcement that
    is being sent takes more people so from a file alone.
    """

    id: str | None
    encrypt: bool
    at: datetime | None
    first: str | None
    strict: bool


def check_options(options: AnnounceOptions) -> None:
    """Raise AnnouncementError if an option is unknown, or is not what it should be."""
    for name, value in options.items():
        if name not in _OPTIONS:
            raise AnnouncementError(
                f"there is no option {name!r:.80}; there are {', '.join(_OPTIONS)}"
            )
        option = _OPTIONS[name]
        if value is not None and not option.accepts(value):
            raise AnnouncementError(f"{name}: should be {option.meaning}, not {value!r:.80}")


class _Option(NamedTuple):
    accepts: Callable[[object], bool]
    meaning: str


def _is_id(value: object) -> bool:
    if not isinstance(value, str) or value != value.strip():
        return False
    return 0 < len(value) <= ID_LENGTH and value.isprintable()


def _is_time(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


_BOOL: Final = _Option(lambda value: isinstance(value, bool), "true or false")
_OPTIONS: Final[Mapping[str, _Option]] = {
    "id": _Option(_is_id, f"1 to {ID_LENGTH} characters"),
    "encrypt": _BOOL,
    "at": _Option(_is_time, "a datetime with a time zone, such as datetime.UTC"),
    "first": _Option(is_uuid, "a user's id, a UUID"),
    "strict": _BOOL,
}
