"""Decisions made of bytes: what an input means to a target that does several things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

_FEW = 32


class Choices:
    """Decisions taken from the front of ``data``; once that is used up each is the first one.

    So a short input is a plain one, and each byte more bends it a little further.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def below(self, limit: int) -> int:
        """Return a number from 0 to ``limit`` - 1."""
        return int.from_bytes(self.raw(1 if limit <= 256 else 4), "big") % limit

    def pick(self, options: Sequence[T]) -> T:
        """Return one of these."""
        return options[self.below(len(options))]

    def once_in(self, times: int) -> bool:
        """Tell whether to do what is rare: not where nothing is left to decide by."""
        return self.below(times) == times - 1

    def raw(self, size: int) -> bytes:
        """Return the next so many bytes, or what is left of them."""
        taken = self._data[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def some(self) -> bytes:
        """Return a few bytes."""
        return self.raw(self.below(_FEW))

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.raw(self.left)

    def text(self) -> str:
        """Return a short text, of any characters."""
        return self.some().decode("utf-8", "replace")

    def new_id(self) -> str:
        """Return a UUID; one of a few, so that the same comes again."""
        return str(UUID(int=self.below(16) + 1, version=4))
