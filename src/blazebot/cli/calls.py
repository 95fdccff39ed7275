"""``blazebot token`` and ``blazebot call``: REST by hand, signed as the bot would."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Any, Final

import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson, Keystore, one_of
from blazebot.errors import RequestError

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

Method = Annotated[
    str,
    typer.Argument(help="GET, POST, PUT, PATCH or DELETE.", autocompletion=one_of(*_METHODS)),
]
Uri = Annotated[str, typer.Argument(metavar="PATH", help="Path and query, such as /me.")]
Body = Annotated[str, typer.Argument(help="The body, JSON; `-` reads it from standard input.")]


def token(
    method: Method,
    uri: Uri,
    body: Body = "",
    *,
    lifetime: Annotated[int, typer.Option(min=1, help="Seconds until it expires.")] = 3600,
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
        verb, path = _request(method, uri)
        text = sign_token(
            keys, verb, path, _read(body).encode(), now=time.time(), lifetime=lifetime
        )
        print(json.dumps({"token": text}) if as_json else text)  # noqa: T201

    run(sign)


def call(method: Method, uri: Uri, body: Body = "", *, keystore: Keystore = None) -> None:
    """Call the service by REST and print `data` of its answer as JSON.

    A bot that runs keeps its line. An error of the service is told with its number, and the exit
    code is 1.
    """

    async def ask() -> None:
        from blazebot.cli.service import open_service  # noqa: PLC0415

        verb, path = _request(method, uri)
        content = _parse(_read(body))
        async with open_service(keystore) as service:
            data = bytes(await service.rest.call(verb, path, content))
        print(json.dumps(json.loads(data or b"null"), indent=2, ensure_ascii=False))  # noqa: T201

    run(ask)


def _request(method: str, uri: str) -> tuple[str, str]:
    if method.upper() not in _METHODS:
        raise RequestError("method", f"should be one of {', '.join(_METHODS)}, not {method!r:.80}")
    if not uri.startswith("/"):
        raise RequestError("path", f"should start with /, as in /me, not {uri!r:.80}")
    return method.upper(), uri


def _read(body: str) -> str:
    return sys.stdin.read() if body == "-" else body


def _parse(body: str) -> Any:
    try:
        return json.loads(body) if body.strip() else None
    except ValueError as error:
        raise RequestError("body", f"should be JSON: {error}") from None
