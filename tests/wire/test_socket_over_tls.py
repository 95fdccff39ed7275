"""A WebSocket over TLS, and another side that hangs."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import aiohttp

from blazebot.keys.tokens import sign_token
from blazebot.wire.hosts import BLAZE_HOSTS
from tests.wire.impersonated import Impersonator, running
from tests.wire.sandbox_peers import Box


async def test_the_connection_is_closed_though_the_other_side_says_no_goodbye(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    sandbox = Impersonator(tmp_path)
    async with running(sandbox), sandbox.client() as client:
        bot = await Box(f"{sandbox.url}/", http).bot()
        socket = await client.ws_connect(
            f"wss://{BLAZE_HOSTS[0]}/",
            headers={"Authorization": f"Bearer {sign_token(bot, 'GET', '/', now=time.time())}"},
            protocols=("Mixin-Blaze-1",),
            timeout=aiohttp.ClientWSTimeout(ws_close=0.1),
        )
        below = socket.get_extra_info("socket")
        sandbox.send_signal(signal.SIGSTOP)
        await socket.close()
        async with asyncio.timeout(5):  # TLS waits for 30
            while True:
                if below.fileno() == -1:
                    break
                await asyncio.sleep(0)
