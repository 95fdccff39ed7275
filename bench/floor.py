"""The bare loop of the chosen libraries, no framework: what the work costs at the least."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from uuid import uuid4

import aiohttp
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.encryption import Session
from bench.frames import (
    ACKNOWLEDGE_BATCH,
    CREATE,
    LIST_PENDING,
    SUBPROTOCOL,
    Frame,
    Params,
    Receipt,
    Request,
    View,
    compress,
    decode_base64,
    decompress,
    encode_base64,
)
from bench.loops import run
from bench.measured import client_arguments, measure

BATCH = 100

_decode = msgspec.json.Decoder(Frame).decode
_encode = msgspec.json.Encoder().encode


class Floor:
    """One client that receives or echoes ``messages`` texts and acknowledges them."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, messages: int) -> None:
        self._socket = socket
        self._left = messages
        self._receipts: list[Receipt] = []
        self._unanswered: dict[str, str] = {}

    async def receive(self) -> None:
        """Acknowledge each text."""
        async for message in self._socket:
            frame = _decode(decompress(message.data))
            if frame.action == CREATE and frame.data is not None:
                await self._acknowledge(frame.data.message_id)

    async def decrypt(self, session: Session) -> None:
        """Decrypt and acknowledge each text."""
        async for message in self._socket:
            frame = _decode(decompress(message.data))
            if frame.action == CREATE and frame.data is not None:
                session.decrypt(decode_base64(frame.data.data_base64)).decode()
                await self._acknowledge(frame.data.message_id)

    async def echo(self) -> None:
        """Send each text back, and acknowledge it when the answer has come."""
        async for message in self._socket:
            frame = _decode(decompress(message.data))
            if frame.action != CREATE or frame.data is None:
                continue
            answered = self._unanswered.pop(frame.id, None)
            if answered is None:
                await self._send_back(frame.data)
            else:
                await self._acknowledge(answered)

    async def _send_back(self, view: View) -> None:
        text = decode_base64(view.data_base64).decode()
        frame_id = str(uuid4())
        self._unanswered[frame_id] = view.message_id
        params = Params(
            conversation_id=view.conversation_id,
            message_id=str(uuid4()),
            category="PLAIN_TEXT",
            status="SENT",
            data_base64=encode_base64(text.encode()),
        )
        await self._send(Request(frame_id, CREATE, params))

    async def _acknowledge(self, message_id: str) -> None:
        self._receipts.append(Receipt(message_id))
        self._left -= 1
        if len(self._receipts) == BATCH or not self._left:
            receipts, self._receipts = self._receipts, []
            await self._send(Request(str(uuid4()), ACKNOWLEDGE_BATCH, Params(messages=receipts)))

    async def _send(self, request: Request) -> None:
        await self._socket.send_bytes(compress(_encode(request)))


async def main() -> None:
    arguments = client_arguments(__doc__)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            arguments.url,
            protocols=(SUBPROTOCOL,),
            headers={"Authorization": f"Bearer {_sign()}"},
        ) as socket,
    ):
        floor = Floor(socket, arguments.messages)
        await socket.send_bytes(compress(_encode(Request(str(uuid4()), LIST_PENDING))))
        await socket.receive()
        if arguments.work == "encrypted":
            work = floor.decrypt(Session(os.environ["BLAZEBOT_KEYSTORE"]))
        else:
            work = floor.receive() if arguments.work == "receive" else floor.echo()
        working = asyncio.create_task(work)
        await measure()
        working.cancel()


def _sign() -> str:
    now = int(time.time())
    claims = {
        "uid": str(uuid4()),
        "sid": str(uuid4()),
        "iat": now,
        "exp": now + 3600,
        "jti": str(uuid4()),
        "sig": hashlib.sha256(b"GET/").hexdigest(),
        "scp": "FULL",
    }
    return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA")


if __name__ == "__main__":
    run(main())
