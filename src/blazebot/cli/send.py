"""``blazebot send``: one message as the bot, by REST only, beside a bot that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from blazebot.cli.command import run
from blazebot.cli.contents import Kind, file_content, is_file, words_content
from blazebot.cli.options import AsJson, Keystore
from blazebot.cli.streams import read_input

if TYPE_CHECKING:
    from blazebot.cli.service import Service
    from blazebot.media import Upload
    from blazebot.wire.content import Content


def send(
    to: Annotated[
        UUID, typer.Argument(help="A user's id; with --conversation, that of a conversation.")
    ],
    text: Annotated[
        str | None, typer.Argument(help="What to say; `-` reads it from standard input.")
    ] = None,
    *,
    file: Annotated[Path | None, typer.Option(help="A file to send, instead of words.")] = None,
    kind: Annotated[
        Kind | None,
        typer.Option(
            "--as",
            help="What it is. Words: text, post (Markdown), card or buttons (JSON). "
            "A file: file, image, video or audio.",
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
        message_id = await _send(str(to), what, keystore, is_conversation=conversation)
        print(json.dumps({"message_id": message_id}) if as_json else message_id)  # noqa: T201

    run(main)


def _typed(text: str | None) -> str | None:
    return read_input() if text == "-" else text


def _content(text: str | None, path: Path | None, kind: Kind | None) -> Content | Upload[Any]:
    if path is not None and text is None:
        kind = kind or "file"
        if is_file(kind):
            return file_content(path, kind)
        raise typer.BadParameter(f"--as {kind} goes with words, and not with --file")
    if text is not None and path is None:
        kind = kind or "text"
        if not is_file(kind):
            return words_content(text, kind)
        raise typer.BadParameter(f"--as {kind} goes with --file, and not with words")
    raise typer.BadParameter("give either what to send, or a file by --file")


async def _send(
    to: str, what: Content | Upload[Any], keystore: str | None, *, is_conversation: bool
) -> str:
    from uuid import uuid4  # noqa: PLC0415

    from blazebot.cli.files import upload  # noqa: PLC0415
    from blazebot.cli.service import open_service  # noqa: PLC0415
    from blazebot.media import Upload  # noqa: PLC0415
    from blazebot.wire.base64 import encode_base64  # noqa: PLC0415
    from blazebot.wire.messages import SENT, MessageRequest  # noqa: PLC0415

    message_id = str(uuid4())
    async with open_service(keystore, sends=True) as service:
        # What cannot be sent leaves no conversation behind.
        content = await upload(service, what) if isinstance(what, Upload) else what
        data = encode_base64(content.encode(message_id))
        request = MessageRequest(
            conversation_id=to if is_conversation else await _contact(service, to),
            message_id=message_id,
            category=content.category,
            status=SENT,
            data_base64=data,
        )
        await service.rest.send_messages([request])
        return message_id


async def _contact(service: Service, user_id: str) -> str:
    from blazebot.wire.ids import contact_conversation_id  # noqa: PLC0415

    await service.rest.create_contact(user_id)
    return contact_conversation_id(service.rest.app_id, user_id)
