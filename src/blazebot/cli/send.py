"""``blazebot send``: one message as the bot, by REST only, beside a bot that runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson, Keystore, one_of
from blazebot.errors import ContentError

if TYPE_CHECKING:
    from blazebot.cli.service import Service
    from blazebot.media import Upload
    from blazebot.wire.content import Content

_WORDS: Final = ("text", "post", "card", "buttons")
_FILES: Final = ("file", "image", "video", "audio")


def send(
    to: Annotated[
        str, typer.Argument(help="A user's id; with --conversation, that of a conversation.")
    ],
    text: Annotated[
        str | None, typer.Argument(help="What to say; `-` reads it from standard input.")
    ] = None,
    *,
    file: Annotated[Path | None, typer.Option(help="A file to send, instead of words.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="What it is. Words: text, post (Markdown), card or buttons (JSON). "
            "A file: file, image, video or audio.",
            autocompletion=one_of(*_WORDS, *_FILES),
        ),
    ] = None,
    conversation: Annotated[
        bool, typer.Option("--conversation", help="The id is that of a conversation.")
    ] = False,
    keystore: Keystore = None,
    as_json: AsJson = False,
) -> None:
    """Send a message as the bot, whether it runs or not, and print the message's id."""

    async def main() -> None:
        what = _content(_typed(text), file, kind)
        message_id = await _send(to, what, keystore, is_conversation=conversation)
        print(json.dumps({"message_id": message_id}) if as_json else message_id)  # noqa: T201

    run(main)


def _typed(text: str | None) -> str | None:
    return sys.stdin.read() if text == "-" else text


def _content(text: str | None, path: Path | None, kind: str | None) -> Content | Upload[Any]:
    if (text is None) == (path is None):
        raise ContentError("give either what to send, or a file by --file")
    if path is not None and (kind in _FILES or kind is None):
        return _file(path, kind or "file")
    if text is not None and (kind in _WORDS or kind is None):
        return _words(text, kind or "text")
    allowed = _FILES if text is None else _WORDS
    raise ContentError(f"--as: should be one of {', '.join(allowed)}, not {kind!r:.80}")


def _file(path: Path, kind: str) -> Upload[Any]:
    from blazebot.media import audio, file, image, video  # noqa: PLC0415

    kinds: dict[str, Callable[[Path], Upload[Any]]] = {
        "file": file,
        "image": image,
        "video": video,
        "audio": audio,
    }
    return kinds[kind](path)


def _words(text: str, kind: str) -> Content:
    from blazebot.wire.content import Post, Text, decode_bytes  # noqa: PLC0415

    if kind == "text":
        return Text(text)
    if kind == "post":
        return Post(text)
    category = {"card": "APP_CARD", "buttons": "APP_BUTTON_GROUP"}[kind]
    return decode_bytes(category, text.encode())


async def _send(
    to: str, what: Content | Upload[Any], keystore: str | None, *, is_conversation: bool
) -> str:
    from uuid import uuid4  # noqa: PLC0415

    from blazebot.cli.files import upload  # noqa: PLC0415
    from blazebot.cli.service import open_service  # noqa: PLC0415
    from blazebot.media import Upload  # noqa: PLC0415
    from blazebot.wire.base64 import encode_base64  # noqa: PLC0415
    from blazebot.wire.ids import is_uuid  # noqa: PLC0415
    from blazebot.wire.messages import SENT, MessageRequest  # noqa: PLC0415

    if not is_uuid(to):
        raise ContentError(f"to: a user or conversation id is a UUID, not {to!r:.80}")
    async with open_service(keystore, sends=True) as service:
        conversation_id = to.lower() if is_conversation else await _contact(service, to)
        content = await upload(service, what) if isinstance(what, Upload) else what
        message_id = str(uuid4())
        request = MessageRequest(
            conversation_id=conversation_id,
            message_id=message_id,
            category=content.category,
            status=SENT,
            data_base64=encode_base64(content.encode(message_id)),
        )
        await service.rest.send_messages([request])
        return message_id


async def _contact(service: Service, user_id: str) -> str:
    from blazebot.wire.ids import contact_conversation_id  # noqa: PLC0415

    await service.rest.create_contact(user_id)
    return contact_conversation_id(service.rest.app_id, user_id)
