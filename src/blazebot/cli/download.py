"""``blazebot download``: the attachment of a message, by REST."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson, Keystore


def download(
    attachment_id: Annotated[UUID, typer.Argument(metavar="ID", help="The attachment's id.")],
    path: Annotated[Path, typer.Argument(help="Where to store it.")],
    *,
    keystore: Keystore = None,
    as_json: AsJson = False,
) -> None:
    """Download an attachment; one that broke off goes on where it was."""

    async def main() -> None:
        from blazebot.cli.files import download_to  # noqa: PLC0415 - its bar is costly to import

        size = await download_to(str(attachment_id), path, keystore)
        facts = {"path": str(path), "bytes": size}
        print(json.dumps(facts) if as_json else f"{path}: {size} bytes")  # noqa: T201

    run(main)
