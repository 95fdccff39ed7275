"""Buttons that call a handler back, and their contents made ready to send."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

import msgspec
from msgspec.structs import force_setattr, replace

from blazebot.errors import ContentError
from blazebot.wire import content as wire
from blazebot.wire.content import ButtonGroup, Card, Content

DEFAULT_COLOR: Final = "#4B7CDD"

CALLBACK_LIMIT: Final = 128
"""Bytes of a callback's name and value: they stand in the text that the person sends [A]."""

INPUT: Final = "input:"
"""How an action begins that makes the person's client send what follows as a text [D][C]."""


class Callback(msgspec.Struct, array_like=True, tag=True):
    """What pressing a button means. Subclasses name its values, kept short::

        class Vote(Callback, tag="vote"):
            choice: str

    ``tag`` is its name, by default the class's; it tells the callbacks of a bot apart. Fields that
    are added later need a default, for buttons that were sent before.
    """


class Button(wire.Button, frozen=True, omit_defaults=True):
    """A button with an ``action``, or with a ``callback``, which is signed when it is sent.

    Pressed, that one comes to the handler of ``on_callback`` for its type; ``expires_in`` bounds
    how long after it was sent. It comes from the conversation that the button stands in, and from
    anybody there, as often as it is pressed.

    Raises:
        ContentError: there are both or neither, or the callback is too long or cannot be written.
    """

    color: str = msgspec.field(default_factory=lambda: DEFAULT_COLOR)  # and so never left out
    action: str = ""
    callback: Callback | None = None
    expires_in: timedelta | None = None

    def __post_init__(self) -> None:
        if (self.callback is None) == (not self.action):
            raise ContentError(f"button {self.label!r:.80}: it has either an action or a callback")
        if self.callback is None:
            if self.expires_in is not None:
                raise ContentError("expires_in: goes with a callback alone")
            return
        if self.expires_in is not None and not (
            isinstance(self.expires_in, timedelta) and self.expires_in > timedelta(0)
        ):
            raise ContentError(f"expires_in: should be a timedelta above 0, not {self.expires_in}")
        # Not what is sent, but what the message's id is derived from: the same on each run.
        force_setattr(self, "action", f"{INPUT}{self.label} {encode_callback(self.callback).hex()}")


def encode_callback(callback: Callback) -> bytes:
    """Return name and value of a callback as bytes.

    Raises:
        ContentError: they cannot be written, or are too long.
    """
    kind = type(callback)
    if not isinstance(callback, Callback) or kind is Callback:
        raise ContentError(f"callback: should be of a subclass of Callback, not {callback!r:.80}")
    try:
        raw = msgspec.msgpack.encode(callback)
        msgspec.msgpack.decode(raw, type=kind)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise ContentError(f"callback: {kind.__name__} cannot be signed: {error}") from None
    if len(raw) > CALLBACK_LIMIT:
        raise ContentError(
            f"callback: {kind.__name__} has {len(raw)} bytes; {CALLBACK_LIMIT} are allowed. Keep "
            "what is longer where you keep data, and sign its id"
        )
    return raw


Sign = Callable[[str, Callback, timedelta | None], str]
"""Returns the action of a button with this label and callback, which expires or does not."""


def sign_buttons(content: Content, sign: Sign) -> Content:
    """Return content with the actions of those of its buttons signed that call back."""
    if isinstance(content, ButtonGroup):
        return replace(content, buttons=_signed(content.buttons, sign))
    if isinstance(content, Card):
        return replace(content, actions=_signed(content.actions, sign))
    return content


def _signed(buttons: Iterable[wire.Button], sign: Sign) -> tuple[wire.Button, ...]:
    return tuple(
        wire.Button(one.label, one.color, sign(one.label, one.callback, one.expires_in))
        if isinstance(one, Button) and one.callback is not None
        else one
        for one in buttons
    )
