"""The message service: what is pending, what took effect, and what is wrong with it just now."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.codec import decode_frame, decode_json, encode_answer, encode_error
from blazebot.wire.frames import (
    CREATE_MESSAGE,
    CREATE_PLAIN_MESSAGES,
    LIST_PENDING_MESSAGES,
    ErrorBody,
    Frame,
)
from blazebot.wire.messages import MessageBatch, MessageRequest, Receipt, ReceiptBatch
from tests.simulation.network import Line

MINUTE = 60.0


class Weather:
    """What is wrong just now; nothing at first."""

    def __init__(self) -> None:
        self.mute = 0
        """So many requests take effect and are not answered."""
        self.deaf = 0
        """So many requests are lost."""
        self.errors: deque[int] = deque()
        """Codes that the next sends are refused with."""
        self.lost_receipts = 0
        """So many acknowledgements are answered and forgotten."""
        self.refused: dict[str, float] = {}
        """Until when handshakes are refused, by the address; "" is every one."""
        self.hanging = 0
        """So many handshakes are never answered."""
        self.calls_fail_until = 0.0

    def clear(self) -> None:
        """Let everything go well from now on."""
        self.__init__()  # type: ignore[misc]


class Service:
    """Keeps what each bot has not acknowledged, and what it has said, by conversation.

    ``complaints`` are what no bot should ever do.
    """

    def __init__(self, quota: int, random: Random) -> None:
        self.weather = Weather()
        self.pending: dict[str, dict[str, dict[str, Any]]] = {}
        self.said: dict[tuple[str, str], list[str]] = {}
        """Texts that took effect, by bot and conversation, in order."""
        self.on_acknowledged: Callable[[str, str, str], None] = lambda *_: None
        """Told of each receipt: bot, message and status."""
        self.lines: dict[str, Line] = {}
        self.complaints: list[str] = []
        self.events = 0
        self._quota = quota
        self._random = random
        self._writes: dict[str, deque[tuple[float, int]]] = {}
        self._frames = 0
        self._senders: dict[str, str] = {}
        self._taken: set[str] = set()

    @property
    def now(self) -> float:
        """The time."""
        return asyncio.get_running_loop().time()

    # People

    def write(self, bot_ids: list[str], message_id: str, conversation_id: str, text: str) -> None:
        """Let a person write to a conversation of these bots."""
        view = {
            "type": "message",
            "message_id": message_id,
            "conversation_id": conversation_id,
            "user_id": "7d7ef298-9720-48c0-acb2-0c6a9b1748c1",
            "category": "PLAIN_TEXT",
            "data_base64": encode_base64(text.encode()),
            "status": "SENT",
        }
        for bot_id in bot_ids:
            self.pending.setdefault(bot_id, {})[message_id] = view
            line = self.lines.get(bot_id)
            if line is not None and line.listed and line.close_code is None:
                self._push(line, view)

    def repeat(self, bot_id: str) -> None:
        """Push all that is pending once more."""
        line = self.lines.get(bot_id)
        if line is not None and line.listed and line.close_code is None:
            for view in list(self.pending.get(bot_id, {}).values()):
                self._push(line, view)

    # Lines

    def refuses(self, url: str) -> int | None:
        weather = self.weather
        if weather.hanging:
            weather.hanging -= 1
            return 0
        until = max(weather.refused.get("", 0.0), weather.refused.get(url, 0.0))
        return 503 if self.now < until else None

    def opened(self, line: Line) -> None:
        older = self.lines.get(line.bot_id)
        if older is not None:
            older.cut(1008)
        self.lines[line.bot_id] = line

    def received(self, line: Line, frame: bytes) -> None:
        self.events += 1
        if self.weather.deaf:
            self.weather.deaf -= 1
            return
        request = decode_frame(frame)
        error = self._take(line, request)
        if self.weather.mute:
            self.weather.mute -= 1
        elif error:
            body = ErrorBody(status=202, code=error, description="it is so")
            line.push(encode_error(request.id, request.action, body))
        else:
            line.push(encode_answer(request.id, request.action))
        if request.action == LIST_PENDING_MESSAGES:
            line.listed = True
            for view in list(self.pending.get(line.bot_id, {}).values()):
                self._push(line, view)

    def _push(self, line: Line, view: dict[str, Any]) -> None:
        self.events += 1
        self._frames += 1
        line.push(encode_answer(f"push-{self._frames}", CREATE_MESSAGE, view))

    def _take(self, line: Line, request: Frame) -> int:
        """Do what is asked; return the code of the refusal, 0 if there is none."""
        if request.action == CREATE_MESSAGE:
            return self._send(line.bot_id, [decode_json(request.params, MessageRequest)])
        if request.action == CREATE_PLAIN_MESSAGES:
            return self._send(line.bot_id, decode_json(request.params, MessageBatch).messages)
        if request.action != LIST_PENDING_MESSAGES:
            self._acknowledge(line.bot_id, decode_json(request.params, ReceiptBatch).messages)
        return 0

    # Calls

    def called(self, bot_id: str, method: str, path: str, body: bytes) -> bytes | None:
        self.events += 1
        answers = self._random.random() < 0.9
        if self.now < self.weather.calls_fail_until and not answers:
            return None
        if path == "/acknowledgements":
            self._acknowledge(bot_id, msgspec.json.decode(body, type=list[Receipt]))
        elif path == "/messages" and (
            code := self._send(bot_id, msgspec.json.decode(body, type=list[MessageRequest]))
        ):
            error = {"status": 202, "code": code, "description": "it is so"}
            return msgspec.json.encode({"error": error})
        if self.now < self.weather.calls_fail_until:
            return None  # it took effect, and nobody is told
        return b'{"data": {}}'

    # What takes effect

    def _send(self, bot_id: str, requests: list[MessageRequest]) -> int:
        self._count(bot_id, len(requests))
        if self.weather.errors:
            return self.weather.errors.popleft()
        for request in requests:
            text = decode_base64(request.data_base64 or "").decode()
            sender = self._senders.setdefault(request.message_id, bot_id)
            if sender != bot_id:
                self.complaints.append(f"two bots have sent by one id, one of them {text!r}")
            elif request.message_id not in self._taken:
                self._taken.add(request.message_id)
                self.said.setdefault((bot_id, request.conversation_id), []).append(text)
        return 0

    def _count(self, bot_id: str, count: int) -> None:
        writes = self._writes.setdefault(bot_id, deque())
        writes.append((self.now, count))
        while writes[0][0] <= self.now - MINUTE:
            writes.popleft()
        if (sent := sum(one for _, one in writes)) > self._quota:
            self.complaints.append(f"{sent} messages in a minute, and the quota is {self._quota}")

    def _acknowledge(self, bot_id: str, receipts: list[Receipt]) -> None:
        if self.weather.lost_receipts:
            self.weather.lost_receipts -= 1
            return
        for receipt in receipts:
            self.on_acknowledged(bot_id, receipt.message_id, receipt.status)
            self.pending.get(bot_id, {}).pop(receipt.message_id, None)

    def counted(self, bot_id: str, conversation_id: str) -> Counter[str]:
        """Return how often each text of a bot took effect in a conversation."""
        return Counter(self.said.get((bot_id, conversation_id), []))
