"""What workers and the gateway say to each other about sends. Pure.

Each message on NATS is a JSON list, so that what comes in one turn of the loop goes together.
"""

from __future__ import annotations

from typing import Final

import msgspec

from blazebot.errors import BlazebotError, ConnectionLost, ServiceError
from blazebot.wire.frames import CREATE_MESSAGE, CREATE_PLAIN_MESSAGES, ErrorBody

TAKE: Final = "TAKE"
"""The action that asks for room in the quota, for what a worker sends by REST."""

REFUSED: Final = "REFUSED"
"""The action that tells of a 429 which such a send was answered with."""

ACTIONS: Final = frozenset((CREATE_MESSAGE, CREATE_PLAIN_MESSAGES, TAKE, REFUSED))
"""What a gateway does for workers."""


class Call(msgspec.Struct, omit_defaults=True):
    """A request of a worker.

    ``within`` are seconds. It sends ``count`` messages, ``first`` before others that wait for room
    in the quota. ``retry_after`` goes with :data:`REFUSED`.
    """

    id: str
    action: str
    within: float
    params: msgspec.Raw = msgspec.Raw(b"null")
    count: int = 0
    first: bool = False
    retry_after: float | None = None


class Answer(msgspec.Struct, omit_defaults=True):
    """What became of a call: done, refused by the service with ``error``, or ``lost`` on the way.

    What was lost may be asked for again, with the same message ids.
    """

    id: str
    error: ErrorBody | None = None
    retry_after: float | None = None
    lost: str = ""

    @classmethod
    def of(cls, call_id: str, error: BlazebotError | None = None) -> Answer:
        """Return the answer to a call that has ended so."""
        if error is None:
            return cls(call_id)
        if not isinstance(error, ServiceError):
            return cls(call_id, lost=str(error) or type(error).__name__)
        body = ErrorBody(error.status, error.code, error.description, error.extra)
        return cls(call_id, body, error.retry_after)

    @property
    def failure(self) -> BlazebotError | None:
        """What the caller is to see raised, if anything."""
        if self.error is not None:
            error = self.error.to_exception()
            error.retry_after = self.retry_after
            return error
        return ConnectionLost(self.lost) if self.lost else None
