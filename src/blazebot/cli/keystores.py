"""``blazebot keystore``: look at a keystore, make one, or write one in another shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson, KeystoreForm

if TYPE_CHECKING:
    from blazebot.keys.keystore import Keystore

keystores = typer.Typer(
    help="Look at keystores, make them, and write them in another shape.", no_args_is_help=True
)

Form = Annotated[KeystoreForm, typer.Option("--form", help="Its shape.")]
Source = Annotated[Path | None, typer.Argument(help="The keystore; by default BLAZEBOT_KEYSTORE.")]


@keystores.command()
def check(source: Source = None, *, as_json: AsJson = False) -> None:
    """Read a keystore and tell what it is; `blazebot doctor` asks the service too."""

    async def look() -> None:
        keystore = _load(source)
        facts = _facts(keystore)
        if as_json:
            print(json.dumps(facts))  # noqa: T201
            return
        for name, value in facts.items():
            print(f"{name:12} {value}")  # noqa: T201

    run(look)


@keystores.command()
def new(
    app_id: Annotated[UUID, typer.Argument(help="The bot's id.")],
    session_id: Annotated[UUID, typer.Argument(help="The id of its session.")],
    path: Annotated[Path, typer.Argument(help="Where to write the keystore: a new file.")],
    *,
    form: Form = "app",
    as_json: AsJson = False,
) -> None:
    """Make a keystore with a new key of its own, and print the public half.

    The service has to be told of that half before it takes the keystore. A keystore that works at
    once comes from the dashboard ("generate new session"), or from `blazebot bot` for a sandbox.
    """

    async def make() -> None:
        from blazebot.keys.issue import issue_keystore  # noqa: PLC0415
        from blazebot.keys.keystore import Keystore, save_keystore  # noqa: PLC0415

        issued = issue_keystore(form, str(app_id), str(session_id))
        save_keystore(issued.document, path)
        public = _public_half(Keystore.load(issued.document))
        if as_json:
            print(json.dumps({"keystore": str(path), "public_key": public}))  # noqa: T201
        else:
            print(f"{path}\npublic key: {public}")  # noqa: T201

    run(make)


@keystores.command()
def convert(
    source: Annotated[Path, typer.Argument(help="The keystore to read, in any shape.")],
    path: Annotated[Path, typer.Argument(help="Where to write it: a new file.")],
    *,
    form: Form = "app",
    as_json: AsJson = False,
) -> None:
    """Write a keystore in another shape, with the same key, for another SDK."""

    async def write() -> None:
        from blazebot.keys.convert import convert_keystore  # noqa: PLC0415
        from blazebot.keys.keystore import Keystore, save_keystore  # noqa: PLC0415

        save_keystore(convert_keystore(Keystore.load(source), form), path)
        print(json.dumps({"keystore": str(path)}) if as_json else path)  # noqa: T201

    run(write)


def _load(source: Path | None) -> Keystore:
    from blazebot.bot.settings import load_bot_settings  # noqa: PLC0415
    from blazebot.keys.keystore import Keystore  # noqa: PLC0415

    return Keystore.load(source or load_bot_settings().keystore)


def _facts(keystore: Keystore) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "app_id": keystore.app_id,
        "session_id": keystore.session_id,
        "algorithm": keystore.algorithm,
        "fingerprint": keystore.fingerprint,
        "encryption": keystore.algorithm == "EdDSA",
    }
    if keystore.authorization_id:
        facts |= {"authorization_id": keystore.authorization_id, "scope": keystore.scope}
    return facts


def _public_half(keystore: Keystore) -> str:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
    )

    from blazebot.wire.base64 import encode_base64  # noqa: PLC0415

    key = keystore.public_key
    if isinstance(key, RSAPublicKey):
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return encode_base64(der)
    return encode_base64(key.public_bytes_raw())
