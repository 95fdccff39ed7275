"""``blazebot decode``: a captured frame as JSON, and JSON as a frame."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from blazebot.cli.command import run
from blazebot.cli.streams import standard_input
from blazebot.errors import FrameError

_GZIP: Final = b"\x1f\x8b"


def decode(
    source: Annotated[
        Path | None, typer.Argument(help="A file with the frame; by default standard input.")
    ] = None,
    *,
    back: Annotated[
        bool, typer.Option("--back", help="The other way: JSON in, the bytes of a frame out.")
    ] = False,
    content: Annotated[
        bool,
        typer.Option("--content", help="Show what data_base64 holds too, unless it is encrypted."),
    ] = False,
) -> None:
    """Print a captured frame as JSON: gzip or plain, binary, base64 or hex."""

    async def show() -> None:
        from blazebot.wire.codec import compress, parse_frame  # noqa: PLC0415
        from blazebot.wire.limits import FRAME_LIMIT  # noqa: PLC0415

        data = _read(source, 2 * FRAME_LIMIT)
        if back:
            parse_frame(data)  # refuses what no frame is
            sys.stdout.buffer.write(compress(data.strip()))
            return
        print(_shown(_inflated(data), content=content))  # noqa: T201

    run(show)


def _read(source: Path | None, limit: int) -> bytes:
    try:
        if source is None or str(source) == "-":
            return _bounded(standard_input().buffer, limit)
        with source.open("rb") as file:
            return _bounded(file, limit)
    except OSError as error:
        where = source or "standard input"
        raise FrameError(f"{where}: cannot be read: {error.strerror}") from None


def _bounded(file: BinaryIO, limit: int) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise FrameError(f"more than {limit} bytes: no frame is so large")
    return data


def _inflated(data: bytes) -> bytes:
    from blazebot.wire.base64 import decode_base64  # noqa: PLC0415
    from blazebot.wire.codec import decompress  # noqa: PLC0415

    text = b"".join(data.split())
    if not text:
        raise FrameError("it is empty")
    if text.startswith((b"{", b"[")):
        return data
    if text.lower().startswith(b"1f8b"):
        try:
            data = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            raise FrameError("hex of a gzip stream, with something else in it") from None
    elif text.startswith(b"H4sI"):
        data = decode_base64(text.decode("ascii", "replace"))
    if not data.startswith(_GZIP):
        raise FrameError("neither JSON nor gzip, be it binary, base64 or hex")
    return decompress(data)


def _shown(text: bytes, *, content: bool) -> str:
    import json  # noqa: PLC0415
    from typing import Any  # noqa: PLC0415

    from blazebot.wire.base64 import decode_base64  # noqa: PLC0415
    from blazebot.wire.codec import decode_json  # noqa: PLC0415

    def opened(value: Any) -> Any:
        if isinstance(value, list):
            return [opened(one) for one in value]
        if not isinstance(value, dict):
            return value
        inner = {name: opened(one) for name, one in value.items()}
        encoded = value.get("data_base64")
        if isinstance(encoded, str) and not str(value.get("category", "")).startswith("ENCRYPTED_"):
            inner["content"] = decode_base64(encoded).decode("utf-8", "replace")
        return inner

    document = decode_json(text, dict[str, Any])
    return json.dumps(opened(document) if content else document, indent=2, ensure_ascii=False)
