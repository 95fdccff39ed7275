"""Frames and contents, as bytes of the other side."""

from __future__ import annotations

from typing import Final

from blazebot.errors import ContentError, FrameError
from blazebot.wire.codec import compress, decode_frame, decode_json, parse_frame, parse_push
from blazebot.wire.content import CATEGORIES, Content, Invalid, decode_bytes, decode_content
from blazebot.wire.messages import IncomingRequest, MessageView
from fuzz.watch import check

_CATEGORIES: Final = sorted(CATEGORIES)
_TRANSCRIPT: Final = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"


def codec(data: bytes) -> None:
    """Frames: as they come, and as what they hold once inflated."""
    for read in (decode_frame, lambda raw: decode_frame(compress(raw)), parse_frame):
        try:
            frame = read(data)
        except FrameError:
            continue
        for kind in (MessageView, IncomingRequest):
            for part in (frame.data, frame.params):
                try:
                    view = decode_json(part, kind)
                except FrameError:
                    continue
                if isinstance(view, MessageView):
                    view.created  # noqa: B018 - reads a time of any form
                    decode_content(view.category or "", view.data_base64, view.data)
    push = parse_push(data)
    check(push is None or parse_frame(data).id == push.id, "a push that is no frame")


def content(data: bytes) -> None:
    """Contents: any bytes as any category; what is read can be written, and reads the same."""
    if not data:
        return
    category = _CATEGORIES[data[0] % len(_CATEGORIES)]
    read = decode_bytes(category, data[1:])
    decode_content(category, data[1:].decode("latin-1"), None)
    if not isinstance(read, Invalid):
        _same_again(read)


def _same_again(read: Content) -> None:
    try:
        raw = read.encode(_TRANSCRIPT)
    except ContentError:
        return  # others may send what we would not
    again = decode_bytes(read.category, raw)
    check(again == read, f"{read!r} became {again!r}")
