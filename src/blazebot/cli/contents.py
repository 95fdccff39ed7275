"""What the commands that send can send: words or a file, and as what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from blazebot.errors import ContentError

if TYPE_CHECKING:
    from blazebot.media import Upload
    from blazebot.wire.content import Content

FileKind: TypeAlias = Literal["file", "image", "video", "audio"]
Kind: TypeAlias = Literal["text", "post", "card", "buttons", "file", "image", "video", "audio"]


def is_file(kind: str) -> bool:
    """Tell whether this kind is one of files, and not of words."""
    return kind in get_args(FileKind)


def file_content(path: Path, kind: str) -> Upload[Any]:
    """Return a file to be sent as one of ``FileKind``."""
    from blazebot.media import audio, file, image, video  # noqa: PLC0415

    kinds: dict[str, Callable[[Path], Upload[Any]]] = {
        "file": file,
        "image": image,
        "video": video,
        "audio": audio,
    }
    return kinds[kind](path)


def words_content(text: str, kind: str) -> Content:
    """Return words to be sent as text, post, card or buttons; the last two are JSON.

    Raises:
        ContentError: they are no such JSON; the message says why.
    """
    from blazebot.wire.content import ButtonGroup, Card, Post, Text  # noqa: PLC0415

    if kind == "text":
        return Text(text)
    if kind == "post":
        return Post(text)
    shape = Card if kind == "card" else ButtonGroup
    try:
        return shape.decode(text.encode(errors="surrogateescape"))
    except ContentError as error:
        raise ContentError(f"what is to be sent as {kind}: {error}") from None
