"""The control API's part that makes things go wrong."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from blazebot.sandbox.control.operations import Operation
from blazebot.sandbox.faults import Fault, Faults, NewFault
from blazebot.sandbox.rules.directory import Directory
from blazebot.sandbox.rules.refusals import not_found

__all__ = ["FaultOperations"]


class FaultList(msgspec.Struct):
    """Faults that are switched on, and those that have struck as often as they were to."""

    faults: list[Fault]


class FaultOperations:
    """Switches faults on and off."""

    def __init__(self, faults: Faults, directory: Directory) -> None:
        self._faults = faults
        self._directory = directory

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", "/faults", self._list, answer=FaultList),
            Operation("POST", "/faults", self._add, body=NewFault, answer=Fault, refusals=(404,)),
            Operation("DELETE", "/faults", self._clear_all),
            Operation("DELETE", "/faults/{fault_id}", self._clear),
        ]

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
