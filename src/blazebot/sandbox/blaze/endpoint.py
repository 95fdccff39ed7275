"""The Blaze endpoint: takes handshakes (protocol sections 4, 6 and 10); ``blaze_line`` serves."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Final

from aiohttp import WSCloseCode, web

from blazebot.errors import ServiceError, TokenError
from blazebot.sandbox.answers import answer_headers, json_answer
from blazebot.sandbox.blaze.line import BlazeLine
from blazebot.sandbox.faults import HANDSHAKE, LINE, TOKEN, Fault, Faults
from blazebot.sandbox.impersonation.authority import Authority, Identity
from blazebot.sandbox.rules.deliveries import BotLine
from blazebot.sandbox.rules.refusals import error_body, unauthorized
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.wire_log import WireLog
from blazebot.wire.limits import socket_limit

__all__ = ["SUBPROTOCOLS", "Blaze"]

SUBPROTOCOLS: Final = ("Mixin-Blaze-1", "MixinBot-Blaze-1")
"""What clients offer; the one offered is echoed, and none is fine too [C]."""


class Blaze:
    """The endpoint: takes a handshake and serves the line."""

    def __init__(
        self, authority: Authority, service: Service, faults: Faults, log: WireLog
    ) -> None:
        self._authority = authority
        self._service = service
        self._settings = service.settings
        self._faults = faults
        self._log = log
        self.handshakes: Counter[str] = Counter()
        """How many handshakes of each bot were accepted since the start."""
        self._lines: set[BlazeLine] = set()
        self._leaving: dict[str, BotLine] = {}  # the line of each bot that was ended last
        faults.on_add.append(self._strike_lines)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take a handshake; the answer to one without a valid token is HTTP 401."""
        authorization = request.headers.get("Authorization")
        claimed = self._authority.claimed(authorization)
        fault = self._faults.take(HANDSHAKE, claimed)
        if fault is not None:
            refusal = await self._suffer(fault, answer_headers(request, self._service.clocks))
            if refusal is not None:
                self._note(request, claimed, refusal, fault)
                return refusal
        clock = self._faults.take(TOKEN, claimed, HANDSHAKE)
        offset = clock.seconds if clock else 0.0
        headers = answer_headers(request, self._service.clocks, offset)
        try:
            identity = self._authority.identify(
                authorization,
                method=request.method,
                uri=request.raw_path,
                offset=offset,
                opens_line=True,
            )
            if identity.authorization is not None:
                raise unauthorized(TokenError("session", "a person's token opens no connection"))
        except ServiceError as error:
            answer = json_answer({"error": error_body(error)}, 401, headers)
            self._note(request, claimed, answer, clock)
            return answer
        socket = web.WebSocketResponse(
            protocols=SUBPROTOCOLS,
            compress=False,
            autoping=False,
            autoclose=False,
            decode_text=False,
            max_msg_size=socket_limit(self._settings.frame_limit),
            timeout=self._settings.stop_grace,
        )
        socket.headers.update(headers)
        await socket.prepare(request)
        if request.transport is None:  # gone already
            return socket
        line = BlazeLine(
            socket,
            request.transport,
            identity,
            self._service,
            faults=self._faults,
            log=self._log,
            opened_with=fault,
        )
        self._lines.add(line)
        try:
            self._admit(line, identity)
            await line.run()
        finally:
            self._lines.discard(line)
            for lines in (self._service.deliveries.lines, self._leaving):
                if lines.get(line.bot_id) is line:
                    del lines[line.bot_id]
        return socket

    def end_all(
        self, code: int = WSCloseCode.GOING_AWAY, reason: str = "the sandbox stops"
    ) -> None:
        """Close all lines."""
        for line in self._lines:
            line.end(code, reason)

    def _admit(self, line: BlazeLine, identity: Identity) -> None:
        """Make the line its bot's live one."""
        bot_id = line.bot_id
        self.handshakes[bot_id] += 1
        user = self._service.store.user(bot_id)
        if user is None or user.session_id != identity.session_id:  # ended since the check
            line.refuse(unauthorized(TokenError("session", "a newer session has replaced this")))
            return
        older = self._service.deliveries.lines.get(bot_id)
        if older is None or self._settings.newer_connection_wins:
            self._service.deliveries.lines[bot_id] = line
            loser: BotLine | None = older
        else:
            loser = line
        if loser is not None:
            # However many a bot opens, one is there and one more may take its time to go.
            if (leaving := self._leaving.get(bot_id)) is not None:
                leaving.abort("this session has had two more connections since")
            self._leaving[bot_id] = loser
            loser.end(WSCloseCode.POLICY_VIOLATION, "this session has another connection")

    # Faults

    async def _suffer(self, fault: Fault, headers: dict[str, str]) -> web.Response | None:
        """Do to a handshake what a fault says; return what it is refused with, if it is."""
        if fault.kind == "refuse_handshake":
            return web.Response(status=503, text="Service Unavailable\n", headers=headers)
        if fault.kind == "unauthorized":
            error = unauthorized(TokenError("session", "a fault"))
            return json_answer({"error": error_body(error)}, 401, headers)
        await self._faults.delay(fault)
        return None

    def _strike_lines(self, fault: Fault) -> None:
        """Let a fault that was just switched on strike the lines that are open."""
        for line in list(self._lines):
            if self._faults.strikes(fault, LINE, line.bot_id):
                # After the answer to whoever switched it on.
                asyncio.get_running_loop().call_soon(partial(line.suffer, fault))

    def _note(
        self, request: web.Request, bot_id: str, answer: web.Response, fault: Fault | None
    ) -> None:
        body = answer.body if isinstance(answer.body, bytes) else b""
        self._log.call(
            bot_id,
            request.method,
            request.raw_path,
            request=b"",
            status=answer.status,
            answer=body,
            seconds=0.0,
            fault=fault.kind if fault else "",
        )
