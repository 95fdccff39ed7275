"""The control API's part on the sandbox as a whole: whether it serves, and its clocks."""

from __future__ import annotations

from aiohttp import web

from blazebot.sandbox.control.answers import ClocksDocument, Health, clocks_document
from blazebot.sandbox.control.operations import Operation
from blazebot.sandbox.control.requests import ClockChange
from blazebot.sandbox.rules.service import Service

__all__ = ["SandboxOperations"]


class SandboxOperations:
    """Operations on the sandbox as a whole."""

    def __init__(self, service: Service) -> None:
        self._store = service.store
        self._clocks = service.clocks

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", "/health", self._health, answer=Health),
            Operation("GET", "/clocks", self._show_clocks, answer=ClocksDocument),
            Operation("POST", "/clocks", self._set_clocks, body=ClockChange, answer=ClocksDocument),
        ]

    async def _health(self, _: web.Request, __: None) -> Health:
        """Tell that the sandbox serves, and how far it is."""
        return Health(self._store.messages.last_change())

    async def _show_clocks(self, _: web.Request, __: None) -> ClocksDocument:
        """Show both clocks."""
        return clocks_document(self._clocks)

    async def _set_clocks(self, _: web.Request, change: ClockChange) -> ClocksDocument:
        """Move the clocks: that of retention, or that by which tokens are checked."""
        if change.retention_offset is not None:
            self._clocks.move_retention(change.retention_offset)
        if change.token_offset is not None:
            self._clocks.token_offset = change.token_offset
        return clocks_document(self._clocks)
