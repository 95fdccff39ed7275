"""The control API's part that makes things go wrong."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from msgspec import Struct

from blazebot.sandbox.control.operations import Operation
from blazebot.sandbox.faults import (
    OCCASIONS,
    SECONDS,
    Fault,
    Faults,
    Kind,
    NewFault,
    Occasion,
)
from blazebot.sandbox.rules.directory import Directory
from blazebot.sandbox.rules.refusals import not_found

__all__ = ["FaultOperations"]


class FaultList(Struct):
    """Faults that are switched on, and those that have struck as often as they were to."""

    faults: list[Fault]


class FaultKind(Struct):
    """What can go wrong, and at which ``occasions``.

    ``seconds`` and ``code`` are what they are unless given, null where the kind has none.
    """

    kind: Kind
    occasions: list[Occasion]
    seconds: float | None
    code: int | None


class FaultKindList(Struct):
    """All that can go wrong."""

    kinds: list[FaultKind]


class FaultOperations:
    """Switches faults on and off."""

    def __init__(self, faults: Faults, directory: Directory) -> None:
        self._faults = faults
        self._directory = directory

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", "/fault-kinds", self._list_kinds, answer=FaultKindList),
            Operation("GET", "/faults", self._list, answer=FaultList),
            Operation("POST", "/faults", self._add, body=NewFault, answer=Fault, refusals=(404,)),
            Operation("DELETE", "/faults", self._clear_all),
            Operation("DELETE", "/faults/{fault_id}", self._clear),
        ]

    async def _list_kinds(self, _: web.Request, __: None) -> Any:
        """List what can be made to go wrong."""
        return FaultKindList(
            [
                FaultKind(
                    kind,
                    list(occasions),
                    SECONDS.get(kind),
                    NewFault(kind=kind).code if kind == "error" else None,
                )
                for kind, occasions in OCCASIONS.items()
            ]
        )

    async def _list(self, _: web.Request, __: None) -> Any:
        """List the faults, and how often each has struck."""
        return FaultList(self._faults.list())

    async def _add(self, _: web.Request, new: NewFault) -> Any:
        """Switch a fault on."""
        if new.bot_id:
            self._directory.bot(new.bot_id)
        return self._faults.add(new)

    async def _clear_all(self, _: web.Request, __: None) -> Any:
        """Switch all faults off; what they hold back goes on."""
        self._faults.clear()
        return {}

    async def _clear(self, request: web.Request, _: None) -> Any:
        """Switch a fault off; what it holds back goes on."""
        text = request.match_info["fault_id"]
        if not text.isascii() or not text.isdecimal() or len(text) > 18:
            raise not_found(f"there is no fault {text[:40]}")
        self._faults.clear(int(text))
        return {}
