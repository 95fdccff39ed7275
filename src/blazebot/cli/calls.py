"""``blazebot token`` and ``blazebot call``: REST by hand, signed as the bot would."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Final, Literal

import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson, Keystore
from blazebot.cli.streams import read_input
from blazebot.errors import FrameError, RequestError

_YEAR: Final = 366 * 24 * 3600


def _uri(uri: str) -> str:
    if not uri.startswith("/") or not uri.isascii() or not uri.isprintable() or " " in uri:
        raise typer.BadParameter("should start with / and be percent-encoded, as in /me")
    return uri


Method = Annotated[
    Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    typer.Argument(help="What to do.", case_sensitive=False),
]
Uri = Annotated[
    str, typer.Argument(metavar="PATH", callback=_uri, help="Path and query, such as /me.")
]
Body = Annotated[str, typer.Argument(help="The body, JSON; `-` reads it from standard input.")]


def token(
    method: Method,
    uri: Uri,
    body: Body = "",
    *,
    lifetime: Annotated[
        int, typer.Option(min=1, max=_YEAR, help="Seconds until it expires.")
    ] = 3600,
    keystore: Keystore = None,
    as_json: AsJson = False,
) -> None:
    """Print a token for one request, to call the service with curl and the like.

    Path, query and body are signed exactly as they are given. The token is a secret until it
    expires. The service is not asked, so the clock is that of this machine.
    """

    async def sign() -> None:
        from blazebot.bot.settings import load_bot_settings  # noqa: PLC0415
        from blazebot.keys import keystore as keystores  # noqa: PLC0415
        from blazebot.keys.tokens import sign_token  # noqa: PLC0415

        settings = load_bot_settings({"keystore": keystore})
        keys = keystores.Keystore.load(settings.keystore)
        text = sign_token(keys, method, uri, _read(body), now=time.time(), lifetime=lifetime)
        print(json.dumps({"token": text}) if as_json else text)  # noqa: T201

    run(sign)


def call(method: Method, uri: Uri, body: Body = "", *, keystore: Keystore = None) -> None:
    """Call the service by REST and print `data` of its answer as JSON.

    A bot that runs keeps its line. An error of the service is told with its number, and the exit
    code is 1.
    """

    async def ask() -> None:
        from blazebot.cli.service import open_service  # noqa: PLC0415

        content = _parse(_read(body))
        async with open_service(keystore) as service:
            data = bytes(await service.rest.call(method, uri, content))
        print(json.dumps(json.loads(data or b"null"), indent=2, ensure_ascii=False))  # noqa: T201

    run(ask)


def _read(body: str) -> bytes:
    try:
        return (read_input() if body == "-" else body).encode()
    except UnicodeEncodeError:
        raise RequestError("body", "should be UTF-8") from None


def _parse(body: bytes) -> Any:
    from blazebot.wire.codec import decode_json  # noqa: PLC0415

    try:
        return decode_json(body, object) if body.strip() else None
    except FrameError as error:
        raise RequestError("body", f"should be JSON: {error}") from None
