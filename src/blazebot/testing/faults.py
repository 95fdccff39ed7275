"""Faults that a test switches on, and off again (``docs/faults.md``)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from blazebot import Bot
from blazebot.errors import NotSeen
from blazebot.testing.control import Control

__all__ = ["Fault", "FaultKind", "Faults"]

FaultKind = Literal[
    "drop",
    "abort",
    "freeze",
    "refuse_handshake",
    "unauthorized",
    "clock_off",
    "slow",
    "stall",
    "lost_answer",
    "lost_acknowledgement",
    "duplicate",
    "reorder",
    "truncate",
    "corrupt",
    "unknown_action",
    "unknown_category",
    "error",
    "bad_gateway",
    "restart",
]
"""What can go wrong; ``docs/faults.md`` says of each what a bot sees."""


class Fault:
    """A fault that is switched on."""

    def __init__(self, control: Control, kind: FaultKind, fault_id: int) -> None:
        self._control = control
        self.kind = kind
        self.id = fault_id

    def __repr__(self) -> str:
        return f"<Fault {self.kind}>"

    async def struck(self) -> int:
        """Return how often it has struck so far."""
        faults = await self._control.faults()
        return next((int(one["struck"]) for one in faults if one["fault_id"] == self.id), 0)


class Faults:
    """Switches faults on for the time of a block."""

    def __init__(self, control: Control) -> None:
        self._control = control

    @asynccontextmanager
    async def on(
        self,
        kind: FaultKind,
        *,
        bot: Bot | None = None,
        times: int | None = 1,
        probability: float = 1.0,
        only: str = "",
        seconds: float | None = None,
        code: int = 500,
    ) -> AsyncIterator[Fault]:
        """Let something go wrong within the block, for one bot or for all.

        It strikes ``times`` times, or until the end of the block where that is None, each
        time that it could with this ``probability``. ``only``, ``seconds`` and ``code`` are those
        of ``docs/faults.md``.

        Raises:
            NotSeen: the block ended well and the fault, which was certain, has never struck: so
                the test has shown nothing.
            SandboxError: there is no such fault.
        """
        fault_id = await self._control.add_fault(
            kind,
            bot_id="" if bot is None else bot.id,
            times=times,
            probability=probability,
            only=only,
            seconds=seconds,
            code=code,
        )
        fault = Fault(self._control, kind, fault_id)
        try:
            yield fault
            if probability == 1 and not await fault.struck():
                raise NotSeen(
                    f"the fault {kind} has never struck: what it strikes did not happen in its "
                    "block"
                )
        finally:
            await self._control.clear_faults(fault_id)
