"""What is checked of content before it is sent: each error names the field and the limit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from blazebot.errors import ContentError
from blazebot.wire.ids import is_uuid

WEB: Final = ("https", "http")
"""Schemes of pictures and streams."""

ACTIONS: Final = ("https", "http", "mixin", "input")
"""Schemes of what pressing a button or card does [D][C]."""

_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


def check_length(field: str, text: str, least: int, most: int) -> None:
    """Raise unless ``text`` has ``least`` to ``most`` characters."""
    if not least <= len(text) <= most:
        raise ContentError(f"{field}: has {len(text)} characters; {least} to {most} are allowed")


def check_count(field: str, items: Sequence[object], least: int, most: int) -> None:
    """Raise unless there are ``least`` to ``most`` items."""
    if not least <= len(items) <= most:
        raise ContentError(f"{field}: there are {len(items)}; {least} to {most} are allowed")


def check_positive(field: str, number: int) -> None:
    """Raise unless ``number`` is above 0."""
    if number <= 0:
        raise ContentError(f"{field}: is {number}; it should be above 0")


def check_not_negative(field: str, number: int) -> None:
    """Raise if ``number`` is below 0."""
    if number < 0:
        raise ContentError(f"{field}: is {number}; it should be 0 or more")


def check_id(field: str, value: str | None) -> None:
    """Raise unless ``value`` is a UUID."""
    if not is_uuid(value):
        raise ContentError(f"{field}: should be a UUID, not {value!r:.80}")


def check_color(field: str, color: str) -> None:
    """Raise unless ``color`` is ``#RRGGBB`` [S]."""
    if not _COLOR.fullmatch(color):
        raise ContentError(f"{field}: should be a color such as #46B8DA, not {color!r:.80}")


def check_address(field: str, address: str, schemes: Sequence[str]) -> None:
    """Raise unless ``address`` begins with one of ``schemes`` and goes on after it."""
    scheme, separator, rest = address.partition(":")
    if scheme.lower() not in schemes or not separator or not rest.strip("/"):
        names = ", ".join(f"{name}:" for name in schemes)
        raise ContentError(f"{field}: should begin with one of {names} not {address!r:.80}")
    if scheme.lower() in WEB:
        try:
            host = urlsplit(address).hostname
        except ValueError:
            host = None
        if not host:
            raise ContentError(f"{field}: names no host: {address!r:.80}")
