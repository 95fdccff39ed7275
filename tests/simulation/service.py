"""The message service: what is pending, what took effect, and who may ask."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from blazebot.keys.tokens import read_token
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.codec import decode_frame, decode_json, encode_answer, encode_error
from blazebot.wire.frames import (
    CREATE_MESSAGE,
    CREATE_PLAIN_MESSAGES,
    ERROR,
    LIST_PENDING_MESSAGES,
    ErrorBody,
    Frame,
)
from blazebot.wire.limits import CLOCK_TOLERANCE
from blazebot.wire.messages import MessageBatch, MessageRequest, Receipt, ReceiptBatch
from tests.simulation.bad_frames import BAD_FRAMES
from tests.simulation.clock import BEGINNING
from tests.simulation.network import Line
from tests.simulation.phones import USER_ID, Phones
from tests.simulation.sessions import Session
from tests.simulation.weather import Weather

MINUTE: Final = 60.0
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403


class Written(NamedTuple):
    """What somebody has written to a bot. ``action`` is that of the frame it is pushed in."""

    message_id: str
    conversation_id: str
    text: str
    category: str = "PLAIN_TEXT"
    action: str = CREATE_MESSAGE


class Service:
    """Keeps what each bot has not acknowledged, and what it has said, by conversation.

    ``complaints`` are what no bot should ever do.
    """

    def __init__(self, quota: int, random: Random) -> None:
        self.weather = Weather()
        self.phones = Phones()
        self.sessions: dict[str, Session] = {}
        """The session of each bot that is good."""
        self.pending: dict[str, dict[str, Written]] = {}
        self.said: dict[tuple[str, str], list[str]] = {}
        """Texts that took effect, by bot and conversation, in order."""
        self.refused: set[tuple[str, str, str]] = set()
        """What was refused for good: bot, conversation, text."""
        self.blocking: set[str] = set()
        """Conversations with people who want nothing of any bot."""
        self.taken: set[str] = set()
        """Ids of messages that took effect."""
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
        self._blobs: dict[tuple[str, str], str] = {}

    @property
    def now(self) -> float:
        """The time."""
        return asyncio.get_running_loop().time()

    # People

    def write(self, bot_ids: list[str], written: Written) -> None:
        """Let a person write to a conversation of these bots."""
        for bot_id in bot_ids:
            self.pending.setdefault(bot_id, {})[written.message_id] = written
            if (line := self._open_line(bot_id)) is not None:
                self._push(line, written)

    def repeat(self, bot_id: str) -> None:
        """Push all that is pending once more."""
        if (line := self._open_line(bot_id)) is not None:
            for written in list(self.pending.get(bot_id, {}).values()):
                self._push(line, written)

    def push_bad_frames(self, bot_id: str) -> None:
        """Push what cannot be understood."""
        if (line := self._open_line(bot_id)) is not None:
            for make in self._random.choices(BAD_FRAMES, k=3):
                line.push(make(self._random), is_bad=True)

    def push_401(self, bot_id: str) -> None:
        """Push a 401 that answers nothing."""
        if (line := self._open_line(bot_id)) is not None:
            line.push(encode_error("none", ERROR, _error(UNAUTHORIZED)))

    def _open_line(self, bot_id: str) -> Line | None:
        line = self.lines.get(bot_id)
        return line if line is not None and line.listed and line.close_code is None else None

    # Lines

    def accepts(self, bot_id: str, token: str) -> bool:
        """Tell whether a token is of the bot's session, and of this time."""
        _, claims = read_token(token)
        off = abs(claims.iat - (BEGINNING + self.now))
        return claims.sid == self.sessions[bot_id].id and off <= CLOCK_TOLERANCE

    def refuses(self, bot_id: str, url: str, token: str) -> int | None:
        weather = self.weather
        if weather.hanging:
            weather.hanging -= 1
            return 0
        if self.now < max(weather.refused.get("", 0.0), weather.refused.get(url, 0.0)):
            return 503
        if weather.is_unauthorized("handshake") or not self.accepts(bot_id, token):
            return UNAUTHORIZED
        return None

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
            line.push(encode_error(request.id, request.action, _error(error)))
        else:
            line.push(encode_answer(request.id, request.action))
        if request.action == LIST_PENDING_MESSAGES and not error:
            line.listed = True
            for written in list(self.pending.get(line.bot_id, {}).values()):
                self._push(line, written)

    def _push(self, line: Line, written: Written) -> None:
        self.events += 1
        self._frames += 1
        if written.category.startswith("ENCRYPTED_"):
            # For the session that is good now, as a sender's phone would once it was told.
            data = self._encrypted(written, self.sessions[line.bot_id])
        else:
            data = encode_base64(written.text.encode())
        view = {
            "type": "message",
            "message_id": written.message_id,
            "conversation_id": written.conversation_id,
            "user_id": USER_ID,
            "category": written.category,
            "data_base64": data,
            "status": "SENT",
        }
        line.push(encode_answer(f"push-{self._frames}", written.action, view))

    def _encrypted(self, written: Written, session: Session) -> str:
        known = self._blobs.get((written.message_id, session.id))
        if known is None:
            known = self.phones.encrypted(written.text, session)
            self._blobs[written.message_id, session.id] = known
        return known

    def _take(self, line: Line, request: Frame) -> int:
        """Do what is asked; return the code of the refusal, 0 if there is none."""
        weather = self.weather
        if request.action == CREATE_MESSAGE:
            return self.take(line.bot_id, [decode_json(request.params, MessageRequest)])
        if request.action == CREATE_PLAIN_MESSAGES:
            return self.take(line.bot_id, decode_json(request.params, MessageBatch).messages)
        if request.action == LIST_PENDING_MESSAGES:
            return UNAUTHORIZED if weather.is_unauthorized("list") else 0
        if weather.is_unauthorized("receipts"):
            return UNAUTHORIZED
        self.acknowledge(line.bot_id, decode_json(request.params, ReceiptBatch).messages)
        return 0

    # What takes effect

    def take(self, bot_id: str, requests: list[MessageRequest]) -> int:
        """Let plain messages take effect; return the code of the refusal, 0 if there is none."""
        if self.weather.is_unauthorized("send"):
            return UNAUTHORIZED
        texts = [decode_base64(one.data_base64 or "").decode() for one in requests]
        return self.let_take_effect(bot_id, requests, texts)

    def let_take_effect(self, bot_id: str, requests: list[MessageRequest], texts: list[str]) -> int:
        """Let messages that hold these texts take effect, all or none; return as :meth:`take`."""
        self._count(bot_id, len(requests))
        if self.weather.errors:
            return self.weather.errors.popleft()
        sent = list(zip(requests, texts, strict=True))
        forbidden = [one for one in sent if self._is_forbidden(one[0].conversation_id)]
        if forbidden:
            for request, text in forbidden:
                if request.message_id not in self.taken:
                    self.refused.add((bot_id, request.conversation_id, text))
            return FORBIDDEN
        for request, text in sent:
            sender = self._senders.setdefault(request.message_id, bot_id)
            if sender != bot_id:
                self.complaints.append(f"two bots have sent by one id, one of them {text!r}")
            elif request.message_id not in self.taken:
                self.taken.add(request.message_id)
                self.said.setdefault((bot_id, request.conversation_id), []).append(text)
        return 0

    def _is_forbidden(self, conversation_id: str) -> bool:
        until = self.weather.forbidden.get(conversation_id, 0.0)
        return conversation_id in self.blocking or self.now < until

    def _count(self, bot_id: str, count: int) -> None:
        writes = self._writes.setdefault(bot_id, deque())
        writes.append((self.now, count))
        while writes[0][0] <= self.now - MINUTE:
            writes.popleft()
        if (sent := sum(one for _, one in writes)) > self._quota:
            self.complaints.append(f"{sent} messages in a minute, and the quota is {self._quota}")

    def acknowledge(self, bot_id: str, receipts: list[Receipt]) -> None:
        """Take receipts: what they are for is pending no longer."""
        if self.weather.lost_receipts:
            self.weather.lost_receipts -= 1
            return
        for receipt in receipts:
            self.on_acknowledged(bot_id, receipt.message_id, receipt.status)
            self.pending.get(bot_id, {}).pop(receipt.message_id, None)

    def counted(self, bot_id: str, conversation_id: str) -> Counter[str]:
        """Return how often each text of a bot took effect in a conversation."""
        return Counter(self.said.get((bot_id, conversation_id), []))


def _error(code: int) -> ErrorBody:
    return ErrorBody(status=202, code=code, description="it is so")
