"""The bare loop of the libraries that sends to many people: batches of 100, eight at a time."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import time
from collections.abc import Iterator
from itertools import islice
from typing import Final
from uuid import uuid4

import aiohttp
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.frames import Params, encode_base64
from bench.loops import run
from bench.measured import measure

BATCH: Final = 100
IN_FLIGHT: Final = 8

_encode = msgspec.json.Encoder().encode


class Floor:
    """Sends ``messages`` texts to ``url``."""

    def __init__(self, http: aiohttp.ClientSession, url: str, messages: int) -> None:
        self._http = http
        self._url = f"{url}/messages"
        self._key = Ed25519PrivateKey.generate()
        self._user_id = str(uuid4())
        self._requests = self._all(messages)

    def _all(self, messages: int) -> Iterator[Params]:
        text = encode_base64(b"hello everybody")
        for _ in range(messages):
            user_id = str(uuid4())
            yield Params(
                conversation_id=user_id,
                message_id=str(uuid4()),
                category="PLAIN_TEXT",
                status="SENT",
                data_base64=text,
            )

    async def send(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(IN_FLIGHT)))

    async def _work(self) -> None:
        while batch := list(islice(self._requests, BATCH)):
            body = _encode(batch)
            headers = {"Authorization": f"Bearer {self._sign(body)}"}
            async with self._http.post(self._url, data=body, headers=headers) as response:
                await response.read()

    def _sign(self, body: bytes) -> str:
        now = int(time.time())
        claims = {
            "uid": self._user_id,
            "sid": self._user_id,
            "iat": now,
            "exp": now + 3600,
            "jti": str(uuid4()),
            "sig": hashlib.sha256(b"POST/messages" + body).hexdigest(),
            "scp": "FULL",
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("messages", type=int)
    arguments = parser.parse_args()
    async with aiohttp.ClientSession() as http:
        floor = Floor(http, arguments.url, arguments.messages)
        sending = asyncio.create_task(floor.send())
        await measure()
        await sending


if __name__ == "__main__":
    run(main())
