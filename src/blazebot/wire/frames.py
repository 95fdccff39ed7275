"""The frames of protocol section 4: one JSON object each, both ways."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from blazebot.errors import ServiceError, service_error
from blazebot.wire.messages import MessageView

LIST_PENDING_MESSAGES: Final = "LIST_PENDING_MESSAGES"
CREATE_MESSAGE: Final = "CREATE_MESSAGE"
CREATE_PLAIN_MESSAGES: Final = "CREATE_PLAIN_MESSAGES"
ACKNOWLEDGE_MESSAGE_RECEIPT: Final = "ACKNOWLEDGE_MESSAGE_RECEIPT"
ACKNOWLEDGE_MESSAGE_RECEIPTS: Final = "ACKNOWLEDGE_MESSAGE_RECEIPTS"
ERROR: Final = "ERROR"

ANSWERED: Final = frozenset(
    {
        LIST_PENDING_MESSAGES,
        CREATE_MESSAGE,
        CREATE_PLAIN_MESSAGES,
        ACKNOWLEDGE_MESSAGE_RECEIPT,
        ACKNOWLEDGE_MESSAGE_RECEIPTS,
    }
)
"""The actions that a bot asks for [S] [C]: what comes with one of them may be an answer."""

NOTHING: Final = msgspec.Raw()
"""An absent ``params`` or ``data``: JSON that is not there, which ``null`` is not."""


class ErrorBody(msgspec.Struct, omit_defaults=True):
    """An error as the service writes it, on the socket and by REST.

    ``status`` and ``code`` are numbers; both spellings of the description are read, since the
    seeds have ``desciption`` [S].
    """

    status: int = 0
    code: int = 0
    description: str | None = None
    extra: Any = None
    desciption: str | None = None

    def to_exception(self) -> ServiceError:
        """Return the exception that this error means, its class chosen by ``code``."""
        words = self.description or self.desciption or ""
        return service_error(self.code or self.status, words, status=self.status, extra=self.extra)


class Frame(msgspec.Struct):
    """A frame as it arrived.

    ``params``, ``data`` and ``error`` may each be absent (``NOTHING``, None); ``params`` and
    ``data`` are kept as raw JSON, to be read once it is known what they should be.
    """

    id: str
    action: str
    params: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING
    error: ErrorBody | None = None


class Push(msgspec.Struct):
    """A frame with a message in it: one that is pushed, or what answers a send."""

    id: str
    action: Literal["CREATE_MESSAGE"]
    data: MessageView
    error: None = None


class Request(msgspec.Struct):
    """A frame from the client that carries ``params``."""

    id: str
    action: str
    params: Any


class BareFrame(msgspec.Struct):
    """A frame with nothing but its id and action: a request without params, an empty answer."""

    id: str
    action: str


class DataFrame(msgspec.Struct):
    """A frame from the service that carries ``data``: an answer or a push."""

    id: str
    action: str
    data: Any


class ErrorFrame(msgspec.Struct):
    """A frame from the service that carries an error."""

    id: str
    action: str
    error: ErrorBody
