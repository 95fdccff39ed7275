"""Buttons of one bot: signed when they are sent, and read when they are pressed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Literal

import msgspec

from blazebot.bot.buttons.button import INPUT, Callback, encode_callback, sign_buttons
from blazebot.bot.buttons.tokens import CallbackSigner, Signed
from blazebot.bot.clock import Clock
from blazebot.bot.filters import AnyMessage, Check, Filter
from blazebot.bot.injection import Scope
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content


class RefusedCallback:
    """A press that no handler may see.

    ``reason`` is ``expired``, ``signature`` (changed, or of another conversation, bot or key), or
    ``unknown``: the bot has no handler for such a callback any more.
    """

    __slots__ = ("reason",)

    def __init__(self, reason: Literal["expired", "signature", "unknown"]) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"<RefusedCallback: {self.reason}>"


class Buttons:
    """Signs and reads the buttons of the bot ``app_id``; ``kinds`` are its callbacks by name.

    ``load_key`` is called at once if there are any, or else when a button first goes out. What it
    raises ends the start then, and not each handler.
    """

    def __init__(
        self,
        app_id: str,
        kinds: Mapping[str, type[Callback]],
        clock: Clock,
        load_key: Callable[[], bytes],
    ) -> None:
        self._app_id = app_id
        self._readers = {name: msgspec.msgpack.Decoder(kind).decode for name, kind in kinds.items()}
        self._clock = clock
        self._load_key = load_key
        self._made = self._make_signer() if kinds else None

    def _make_signer(self) -> CallbackSigner:
        return CallbackSigner(self._load_key(), self._app_id)

    @property
    def _signer(self) -> CallbackSigner:
        if self._made is None:
            self._made = self._make_signer()
        return self._made

    def sign(self, content: Content, conversation_id: str) -> Content:
        """Return content with its buttons signed for a conversation.

        Raises:
            SettingsError: there is no key to sign with.
        """
        return sign_buttons(content, partial(self._action, conversation_id))

    def _action(
        self, conversation_id: str, label: str, callback: Callback, expires_in: timedelta | None
    ) -> str:
        expires_at = 0
        if expires_in is not None:
            expires_at = math.ceil(self._clock.now() + expires_in.total_seconds())
        signed = Signed(expires_at, encode_callback(callback))
        return INPUT + self._signer.text(label, conversation_id, signed)

    def read(
        self, text: str, conversation_id: str, age: float = 0.0
    ) -> Callback | RefusedCallback | None:
        """Return the callback in the text of a press, or why not; None: it is no such text.

        ``age`` is how many seconds ago it was pressed: what counts is whether that was in time.

        Raises:
            SettingsError: there is no key to read it with.
        """
        if "~" not in text:
            return None
        signed = self._signer.read(text, conversation_id, self._clock.now() - age)
        if not isinstance(signed, Signed):
            return None if signed is None else RefusedCallback(signed)
        try:
            name = msgspec.msgpack.decode(signed.callback)[0]
            return self._readers[name](signed.callback)
        except (KeyError, msgspec.ValidationError):
            return RefusedCallback("unknown")


class CallbackFilter(Filter):
    """Take the presses that mean a ``kind``, and hand the callback over.

    Raises:
        RegistrationError: it is no kind of callback.
    """

    def __init__(self, kind: type[Callback]) -> None:
        if not (isinstance(kind, type) and issubclass(kind, Callback) and kind is not Callback):
            raise RegistrationError(f"{kind!r:.80} is no subclass of Callback")
        tag = kind.__struct_config__.tag
        if not isinstance(tag, str):
            raise RegistrationError(f"{kind.__name__}: the tag of a callback is text")
        self.kind = kind
        self.name = tag

    def __repr__(self) -> str:
        return f"<callback {self.kind.__name__}>"

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        """Return the filter ready to run; see :meth:`Filter.compile`."""
        return _taking(self.kind)


class RefusedCallbackFilter(Filter):
    """Take the presses that no handler may see, and hand the RefusedCallback over."""

    def __init__(self) -> None:
        pass

    def __repr__(self) -> str:
        return "<refused callback>"

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        """Return the filter ready to run; see :meth:`Filter.compile`."""
        return _taking(RefusedCallback)


def _taking(kind: type) -> Check:
    def run(message: AnyMessage) -> bool:
        pressed = _pressed(message)
        if type(pressed) is not kind:
            return False
        message.handed[kind] = pressed
        return True

    return Check(run, hands={kind: True})


def _pressed(message: AnyMessage) -> Callback | RefusedCallback | None:
    handed = message.handed
    if Buttons not in handed:  # read once, however many handlers ask
        buttons = message.bot.buttons
        text = message.content.text
        handed[Buttons] = buttons.read(text, message.conversation_id, message.age)
    pressed: Callback | RefusedCallback | None = handed[Buttons]
    return pressed
