"""Services that do one thing wrong each, for the conformance checks to notice."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from blazebot.wire.base64 import decode_base64
from blazebot.wire.frames import LIST_PENDING_MESSAGES
from tests.wire.distorting_proxy import Answer, Frame, Headers, Socket, Wrong, changing, pushing


class Lax(Wrong):
    """Takes whatever should be refused."""

    def answered(self, answer: Answer) -> None:
        if isinstance(answer.document, dict) and "error" in answer.document:
            answer.status, answer.document = 200, {"data": {}}

    def pushed(self, frame: Frame, socket: Socket) -> None:
        frame.pop("error", None)
        socket.to_bot.append(frame)


class Strict(Wrong):
    """Refuses requests, by their address and headers, that should be taken."""

    def __init__(self, refuses: Callable[[str, Headers], bool]) -> None:
        self._refuses = refuses

    def called(self, call: str, headers: Headers, body: bytes) -> bytes:
        if call.startswith("GET /me") and self._refuses(call, headers):
            headers["Authorization"] = "Bearer refused"
        return body


class Picky(Wrong):
    """Refuses bodies in a form that should be taken."""

    def __init__(self, call: str, refuses: Callable[[Any], bool]) -> None:
        self._call, self._refuses = call, refuses

    def called(self, call: str, headers: Headers, body: bytes) -> bytes:
        return b"" if call == self._call and self._refuses(json.loads(body)) else body


class Edits(Wrong):
    """Changes each message on its way to the service; None swallows it."""

    def __init__(self, edit: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        self._edit = edit

    def called(self, call: str, headers: Headers, body: bytes) -> bytes | None:
        if call != "POST /messages":
            return body
        found = json.loads(body)
        edited = [self._edit(one) for one in (found if isinstance(found, list) else [found])]
        return None if None in edited else json.dumps(edited).encode()

    async def asked(self, frame: Frame, socket: Socket) -> None:
        if frame["action"] == "CREATE_MESSAGE":
            frame["params"] = self._edit(frame["params"])
        socket.to_service.append(frame)


class Refuses(Wrong):
    """Knows no such action, from the ``after``-th time on."""

    def __init__(self, wanted: Callable[[Frame], bool], after: int = 0) -> None:
        self._wanted, self._after, self._count = wanted, after, 0

    async def asked(self, frame: Frame, socket: Socket) -> None:
        if self._wanted(frame):
            self._count += 1
            if self._count > self._after:
                frame["action"] = "NO_SUCH_ACTION"
        socket.to_service.append(frame)


class LosesReceipts(Wrong):
    """Answers acknowledgements, and forgets them."""

    def called(self, call: str, headers: Headers, body: bytes) -> bytes | None:
        return None if call == "POST /acknowledgements" else body

    async def asked(self, frame: Frame, socket: Socket) -> None:
        if frame["action"].startswith("ACKNOWLEDGE"):
            socket.to_bot.append({"id": frame["id"], "action": frame["action"]})
        else:
            socket.to_service.append(frame)


class Eager(Wrong):
    """Delivers what nobody has asked for."""

    greeting = {"id": str(uuid4()), "action": LIST_PENDING_MESSAGES}  # noqa: RUF012

    def pushed(self, frame: Frame, socket: Socket) -> None:
        if frame["id"] != self.greeting["id"]:
            socket.to_bot.append(frame)


class PushesOnce(Wrong):
    """Pushes no message again."""

    def __init__(self) -> None:
        self._pushed: set[str] = set()

    def pushed(self, frame: Frame, socket: Socket) -> None:
        message_id = view_of(frame).get("message_id")
        if message_id not in self._pushed:
            socket.to_bot.append(frame)
        if message_id:
            self._pushed.add(message_id)


class Swaps(Wrong):
    """Pushes the first message of a line after the second."""

    def __init__(self) -> None:
        self._held: list[Frame] = []
        self._done = False

    def pushed(self, frame: Frame, socket: Socket) -> None:
        if view_of(frame) and not self._done and not self._held:
            self._held.append(frame)
            return
        socket.to_bot.append(frame)
        if view_of(frame) and self._held:
            socket.to_bot.append(self._held.pop())
            self._done = True


class Deaf(Wrong):
    """Tells nobody that a message was received."""

    def pushed(self, frame: Frame, socket: Socket) -> None:
        if not (frame["action"] == "ACKNOWLEDGE_MESSAGE_RECEIPT" and "data" in frame):
            socket.to_bot.append(frame)


class TextFrames(Wrong):
    """Speaks in text frames."""

    def pushed(self, frame: Frame, socket: Socket) -> None:
        socket.to_bot.append(json.dumps(frame))


class Slow(Wrong):
    """Answers late."""

    async def asked(self, frame: Frame, socket: Socket) -> None:
        await asyncio.sleep(1.1)
        socket.to_service.append(frame)


class RefusesRepeats(Wrong):
    """Takes each handshake token once."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def opened(self, token: str) -> int | None:
        if token in self._seen:
            return 401
        self._seen.add(token)
        return None


class RefusesOtherwise(Wrong):
    """Refuses a bad handshake with 403."""

    def refused(self, status: int) -> int:
        return 403


class WithoutProtocol(Wrong):
    """Echoes no subprotocol."""

    protocols = ()


class Deflates(Wrong):
    """Takes up permessage-deflate."""

    compress = True


class NoPongs(Wrong):
    """Answers no pings."""

    pongs = False


def token_part(headers: Headers, number: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a request's token."""
    token = headers["Authorization"].removeprefix("Bearer ")
    part: dict[str, Any] = json.loads(decode_base64(token.split(".")[number]))
    return part


def made_ago(headers: Headers) -> float:
    return abs(float(token_part(headers, 1)["iat"]) - time.time())


def lifetime(headers: Headers) -> int:
    claims = token_part(headers, 1)
    return int(claims["exp"] - claims["iat"])


def view_of(frame: Frame) -> dict[str, Any]:
    """The message that a frame pushes, nothing if it pushes none."""
    data = frame.get("data") or {}
    return data if frame["action"] == "CREATE_MESSAGE" and data.get("category") else {}


def data_of(answer: Answer) -> Any:
    return answer.document.get("data") if isinstance(answer.document, dict) else None


def with_data(call: str, **fields: Any) -> Wrong:
    """Answers to a call (``GET /users/`` and whatever follows) with other fields in their data."""

    def change(answer: Answer) -> None:
        data = data_of(answer)
        if answer.call.startswith(call) and isinstance(data, dict):
            data.update(fields)

    return changing(change)


def with_list(call: str, change_one: Callable[[dict[str, Any]], None]) -> Wrong:
    """Answers to a call with other fields in each item of their list."""

    def change(answer: Answer) -> None:
        for one in data_of(answer) or () if answer.call.startswith(call) else ():
            change_one(one)

    return changing(change)


def with_view(**fields: Any) -> Wrong:
    """Pushes messages with other fields."""
    return pushing(lambda frame: view_of(frame).update(fields) if view_of(frame) else None)


def without_header(name: str) -> Wrong:
    def change(answer: Answer) -> None:
        answer.headers.pop(name, None)

    return changing(change)


def status_instead(call: str, before: int, after: int) -> Wrong:
    def change(answer: Answer) -> None:
        if answer.call.startswith(call) and answer.status == before:
            answer.status = after

    return changing(change)


def emptied(call: str) -> Wrong:
    def change(answer: Answer) -> None:
        if answer.call.startswith(call) and isinstance(data_of(answer), list):
            answer.document["data"] = []

    return changing(change)


def inverted(one: dict[str, Any]) -> None:
    one["state"] = "SUCCESS" if one["state"] == "FAILED" else "FAILED"


def in_words(answer: Answer) -> None:
    if isinstance(answer.document, dict) and "error" in answer.document:
        answer.document["error"]["extra"] = "words"


def plain_type(answer: Answer) -> None:
    answer.headers["Content-Type"] = "text/plain"


def answering_sends(answer: Answer) -> None:
    if answer.document is not None and answer.path == "/messages":
        answer.document = {"data": {}}


def with_more(frame: Frame) -> None:
    if set(frame) == {"id", "action"}:
        frame["data"] = {}


def with_code(frame: Frame, code: Any) -> None:
    if "error" in frame:
        frame["error"]["code"] = code


def with_category(frame: Frame) -> None:
    data = frame.get("data") or {}
    if data.get("category") == "":
        data["category"] = "PLAIN_TEXT"


def with_fresh_times(frame: Frame) -> None:
    if frame.get("data"):
        frame["data"]["created_at"] = f"2024-01-01T00:00:00.{time.monotonic_ns() % 10**9:09d}Z"


def without_members(answer: Answer) -> None:
    for one in (data_of(answer) or {}).get("participants", ()) if _is_dict(answer) else ():
        one["role"] = ""


def _is_dict(answer: Answer) -> bool:
    return isinstance(data_of(answer), dict)


def fresh_id(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"message_id": str(uuid4())}


def only_newer_data(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "data"}


def only_text(message: dict[str, Any]) -> dict[str, Any] | None:
    return message if message["category"] == "PLAIN_TEXT" else None


def is_action(*actions: str) -> Callable[[Frame], bool]:
    return lambda frame: frame["action"] in actions
