"""The floor's loop as a bot of the sandbox, with the keystore in ``BLAZEBOT_KEYSTORE``."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import msgspec

from bench.floor import Floor
from bench.frames import LIST_PENDING, SUBPROTOCOL, Request, compress
from bench.loops import run
from bench.measured import client_arguments, measure
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token


async def main() -> None:
    arguments = client_arguments(__doc__)
    keystore = Keystore.load()
    token = sign_token(keystore, "GET", "/", now=time.time())
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            arguments.url,
            protocols=(SUBPROTOCOL,),
            headers={"Authorization": f"Bearer {token}"},
        ) as socket,
    ):
        floor = Floor(socket, arguments.messages)
        await socket.send_bytes(compress(msgspec.json.encode(Request("list", LIST_PENDING))))
        await socket.receive()
        work = floor.echo() if arguments.work == "echo" else floor.receive()
        working = asyncio.create_task(work)
        await measure()
        working.cancel()


if __name__ == "__main__":
    run(main())
