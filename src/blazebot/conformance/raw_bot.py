"""A bot that says on the wire just what it is told to, also what is wrong."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import aiohttp

from blazebot.conformance.expectations import Answer, Violation
from blazebot.conformance.line import Line
from blazebot.conformance.service import Service
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.wire.codec import encode_json
from blazebot.wire.limits import FRAME_LIMIT, socket_limit

__all__ = ["SUBPROTOCOL", "RawBot"]

SUBPROTOCOL: Final = "Mixin-Blaze-1"
"""The subprotocol of the documents [S]."""

_CLOSING: Final = 2.0  # seconds that a closed line may take to be gone


class RawBot:
    """A bot by its keystore, at a service."""

    def __init__(self, keystore: Keystore, service: Service) -> None:
        self.keystore = keystore
        self.service = service

    @property
    def user_id(self) -> str:
        """Who it is."""
        return self.keystore.app_id

    def token(self, method: str = "GET", uri: str = "/", body: bytes = b"", **how: Any) -> str:
        """Return a token for a request; ``how`` is as for ``sign_token``."""
        return sign_token(self.keystore, method, uri, body, **{"now": time.time(), **how})

    async def call(
        self,
        method: str,
        uri: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to a call of REST.

        ``body`` goes out as it is if it is bytes, else as JSON; ``token`` is the right one if
        there is none. Headers that are empty are left out.
        """
        raw = b"" if body is None else body if isinstance(body, bytes) else encode_json(body)
        request_id = str(uuid4())
        if token is None:
            token = self.token(method, uri, raw, request_id=request_id)
        sent = {
            "Authorization": f"Bearer {token}" if token else "",
            "Content-Type": "application/json",
            "X-Request-Id": request_id,
        }
        kept = {name: value for name, value in (sent | dict(headers or {})).items() if value}
        return await self.service.call(method, self.service.api + uri, raw, kept)

    async def get(self, uri: str) -> Answer:
        """Return the answer to a GET."""
        return await self.call("GET", uri)

    async def post(self, uri: str, body: Any = None) -> Answer:
        """Return the answer to a POST."""
        return await self.call("POST", uri, body)

    async def handshake(
        self, *, token: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to a handshake; the line, if one opens, is dropped."""
        return await self.service.call(
            "GET",
            self.service.blaze,
            headers={
                "Authorization": f"Bearer {self.token() if token is None else token}",
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
                **(headers or {}),
            },
        )

    @asynccontextmanager
    async def line(
        self,
        *,
        listing: bool = True,
        token: str | None = None,
        autoping: bool = True,
    ) -> AsyncIterator[Line]:
        """Open the line; with ``listing``, what is pending is asked for at once.

        Raises:
            Violation: the handshake was refused.
        """
        try:
            socket = await self.service.http.ws_connect(
                self.service.blaze,
                headers={"Authorization": f"Bearer {self.token() if token is None else token}"},
                protocols=(SUBPROTOCOL,),
                autoping=autoping,
                max_msg_size=socket_limit(FRAME_LIMIT),
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING),
            )
        except aiohttp.WSServerHandshakeError as error:
            raise Violation(f"the handshake was refused with HTTP {error.status}") from None
        async with socket:
            line = Line(socket, self.service.patience)
            if listing:
                await line.list_pending()
            yield line
