"""Bytes to frames and back: gzip of one UTF-8 JSON object (protocol section 4).

Whatever is wrong with bytes from the other side becomes one :class:`FrameError`.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec
from isal import isal_zlib

from blazebot.errors import FrameError, FrameTooLarge
from blazebot.wire.frames import (
    BareFrame,
    DataFrame,
    ErrorBody,
    ErrorFrame,
    Frame,
    Push,
    Request,
)
from blazebot.wire.limits import FRAME_LIMIT

T = TypeVar("T")

_GZIP = 31  # window bits: gzip wrapper, 32 KiB window
_LEVEL = 1
_QUICK_LEVEL = 0  # a quarter of the time and half as much again: for who answers nearby

_GzipError = cast("type[Exception]", isal_zlib.IsalError)  # its stub says: an instance

_encoder = msgspec.json.Encoder()
_frame_decoder = msgspec.json.Decoder(Frame)
_push_decoder = msgspec.json.Decoder(Push)
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

# msgspec lets these escape beside its own errors.
_JSON_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def compress(data: bytes, level: int = _LEVEL) -> bytes:
    """Return ``data`` as one gzip member."""
    return isal_zlib.compress(data, level, _GZIP)


def decompress(data: bytes, limit: int = FRAME_LIMIT) -> bytes:
    """Return what one gzip member holds, inflating at most ``limit`` bytes.

    Raises:
        FrameTooLarge: it holds more than ``limit`` bytes; refused while inflating.
        FrameError: not gzip, truncated, a wrong checksum, or bytes behind the member.
    """
    inflater = isal_zlib.decompressobj(_GZIP)
    try:
        # One byte more than allowed tells "just fits" from "goes on".
        inflated = inflater.decompress(data, limit + 1)
    except _GzipError as error:
        raise FrameError(f"not gzip: {error}") from None
    if len(inflated) > limit:
        raise FrameTooLarge(f"frame inflates to more than {limit} bytes; see frame_limit")
    if not inflater.eof:
        raise FrameError("truncated gzip: the end of the stream is missing")
    if inflater.unused_data:
        raise FrameError(f"{len(inflater.unused_data)} bytes behind the end of the gzip stream")
    return inflated


def decode_frame(data: bytes, limit: int = FRAME_LIMIT) -> Frame:
    """Return the frame in ``data``, the bytes of one binary WebSocket message.

    Raises:
        FrameError: see :func:`decompress`; or not JSON, not an object, without ``id`` or
            ``action``, nested too deeply.
    """
    return parse_frame(decompress(data, limit))


def parse_frame(text: bytes) -> Frame:
    """Return the frame in ``text``, its JSON once inflated; raises as :func:`decode_frame`."""
    try:
        frame = _frame_decoder.decode(text)
    except _JSON_ERRORS as error:
        raise FrameError(f"not a frame: {_words(error)}") from None
    if not frame.id:
        raise FrameError("not a frame: `id` is empty")
    return frame


def parse_push(text: bytes) -> Push | None:
    """Return the frame in ``text`` if there is a message in it, else None; never raises.

    It is for what comes most: frame and message are read in one go. What is wrong with any other
    frame :func:`parse_frame` says.
    """
    try:
        push = _push_decoder.decode(text)
    except _JSON_ERRORS:
        return None
    return push if push.id else None


def decode_json(text: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Return ``text`` as ``kind``, a struct or any type that msgspec knows.

    Raises:
        FrameError: not JSON, or not of that shape; the message names the place.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        result: T = decoder.decode(text)
    except _JSON_ERRORS as error:
        raise FrameError(_words(error)) from None
    return result


def encode_json(value: Any) -> bytes:
    """Return ``value`` as compact JSON in UTF-8."""
    return _encoder.encode(value)


def encode_request(frame_id: str, action: str, params: Any = None) -> bytes:
    """Return the bytes of a client's frame; without ``params`` if None."""
    if params is None:
        return compress(_encoder.encode(BareFrame(frame_id, action)))
    return compress(_encoder.encode(Request(frame_id, action, params)))


def encode_answer(frame_id: str, action: str, data: Any = None) -> bytes:
    """Return the bytes of a service's frame, an answer or a push; without ``data`` if None."""
    if data is None:
        return compress(_encoder.encode(BareFrame(frame_id, action)))
    return compress(_encoder.encode(DataFrame(frame_id, action, data)), _QUICK_LEVEL)


def encode_error(frame_id: str, action: str, error: ErrorBody) -> bytes:
    """Return the bytes of a service's frame that carries an error."""
    return compress(_encoder.encode(ErrorFrame(frame_id, action, error)))


def _words(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "JSON is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"JSON is not UTF-8 at byte {error.start}"
    return str(error)
