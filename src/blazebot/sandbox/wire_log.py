"""The wire log: each frame and each REST call, as it went over the wire.

What goes by is kept raw and in memory, the newest only, and is inflated, decoded and freed of
secrets when somebody reads it: so it costs next to nothing while nobody does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections import deque
from io import FileIO
from itertools import islice
from typing import Any, Final, Literal
from urllib.parse import unquote

import msgspec

from blazebot.errors import FrameError, SandboxError
from blazebot.sandbox.clocks import timestamp
from blazebot.wire.codec import decompress, encode_json

__all__ = ["CallEntry", "FrameEntry", "LineEntry", "WireLog"]

Direction = Literal["received", "sent"]
"""As the sandbox sees it: ``received`` from a bot, ``sent`` to it."""

logger = logging.getLogger("blazebot.sandbox")

_BYTES_MOST: Final = 64 * 1024 * 1024
"""Raw bytes that are kept, however few entries that is."""

_FLUSH_EVERY: Final = 0.2
"""Seconds after which the log is written to its file."""

_FLUSH_AFTER: Final = 1000
"""Entries after which it is written at once: they must not go out of the ring before."""

_HEAD: Final = 64
"""Bytes that are shown of what cannot be decoded."""

_HIDDEN: Final = "(hidden)"

_SECRETS: Final = frozenset(
    (
        "access_token",
        "client_secret",
        "code",
        "code_verifier",
        "pin",
        "pin_token",
        "pin_base64",
        "pin_token_base64",
        "private_key",
        "session_private_key",
        "spend_private_key",
        "token",
        "upload_url",
    )
)
"""Names of members whose texts are secrets."""


class FrameEntry(msgspec.Struct, frozen=True, gc=False):
    """A frame, as it was on the wire, gzip and all. ``at`` is in nanoseconds since the epoch."""

    number: int
    at: int
    bot_id: str
    line: int
    direction: Direction
    raw: bytes
    fault: str


class LineEntry(msgspec.Struct, frozen=True, gc=False):
    """A line that was opened or closed; ``words`` say how."""

    number: int
    at: int
    bot_id: str
    line: int
    event: Literal["opened", "closed"]
    words: str
    fault: str


class CallEntry(msgspec.Struct, frozen=True, gc=False):
    """A REST call and its answer; ``status`` is 0 where none was sent.

    Of the bytes of attachments only the sizes are kept.
    """

    number: int
    at: int
    bot_id: str
    method: str
    uri: str
    request: bytes
    request_size: int
    status: int
    answer: bytes
    answer_size: int
    seconds: float
    fault: str


Entry = FrameEntry | LineEntry | CallEntry


class WireLog:
    """The newest entries; each has a number, and they count from 1.

    ``most`` is how many are kept. ``path`` is a file to which all are appended, as JSON lines.

    Raises:
        SandboxError: the file cannot be written.
    """

    def __init__(self, *, most: int, path: str | None = None) -> None:
        self._most = most
        self._entries: deque[tuple[Entry, int]] = deque()
        self._bytes = 0
        self._lines = 0
        self.run = secrets.token_hex(8)
        """The id of this run of the sandbox: numbers are those of its entries only."""
        self.last = 0
        """The number of the newest entry."""
        self._news = asyncio.Event()
        self._ended = False
        self._file: FileIO | None = None
        self._flushed = 0
        self._flush: asyncio.TimerHandle | None = None
        if path is not None:
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            except OSError as error:
                words = f"the log file {path} cannot be written: {error.strerror}"
                raise SandboxError(words) from None
            # Unbuffered: what could not be written must not come back at its closing.
            self._file = os.fdopen(descriptor, "ab", buffering=0)

    # What goes by

    def new_line(self) -> int:
        """Return the number of a line that is opened."""
        self._lines += 1
        return self._lines

    def frame(
        self, bot_id: str, line: int, direction: Direction, raw: bytes, fault: str = ""
    ) -> None:
        """Note a frame."""
        at = time.time_ns()
        self._add(FrameEntry(self.last + 1, at, bot_id, line, direction, raw, fault), len(raw))

    def line(
        self,
        bot_id: str,
        line: int,
        event: Literal["opened", "closed"],
        words: str = "",
        fault: str = "",
    ) -> None:
        """Note that a line was opened or closed."""
        at = time.time_ns()
        self._add(LineEntry(self.last + 1, at, bot_id, line, event, words, fault), len(words))

    def call(
        self,
        bot_id: str,
        method: str,
        uri: str,
        *,
        request: bytes,
        status: int,
        answer: bytes,
        seconds: float,
        fault: str = "",
        sizes: tuple[int, int] | None = None,
    ) -> None:
        """Note a REST call with its answer; ``sizes`` of both, where they are not given whole."""
        request_size, answer_size = sizes or (len(request), len(answer))
        entry = CallEntry(
            number=self.last + 1,
            at=time.time_ns(),
            bot_id=bot_id,
            method=method,
            uri=uri,
            request=request,
            request_size=request_size,
            status=status,
            answer=answer,
            answer_size=answer_size,
            seconds=seconds,
            fault=fault,
        )
        self._add(entry, len(request) + len(answer) + len(method) + len(uri))

    def _add(self, entry: Entry, size: int) -> None:
        self.last += 1
        self._entries.append((entry, size))
        self._bytes += size
        while len(self._entries) > self._most or self._bytes > _BYTES_MOST:
            self._bytes -= self._entries.popleft()[1]
        if not self._news.is_set():
            self._news.set()
        if self._file is not None:
            self._plan_to_write()

    # Who reads it

    def entries(self, after: int = 0, limit: int = 1000, bot_id: str = "") -> list[Entry]:
        """Return the oldest entries with a greater number than ``after``, of one bot or all."""
        gone = self.last - len(self._entries)
        newer = islice(self._entries, max(0, after - gone), None)
        return list(islice((one for one, _ in newer if bot_id in ("", one.bot_id)), limit))

    async def wait(self, after: int) -> bool:
        """Wait for an entry with a greater number; return False if there will be none."""
        while self.last <= after and not self._ended:
            self._news.clear()
            await self._news.wait()
        return self.last > after

    def end(self) -> None:
        """Let nobody wait any more."""
        self._ended = True
        self._news.set()

    # The file

    def _plan_to_write(self) -> None:
        if self.last - self._flushed >= min(_FLUSH_AFTER, self._most):
            self._write()
        elif self._flush is None:
            loop = asyncio.get_running_loop()
            self._flush = loop.call_later(_FLUSH_EVERY, self._write)

    def _write(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._file is None:
            return
        entries = self.entries(self._flushed, limit=self.last - self._flushed)
        self._flushed = self.last
        try:
            for entry in entries:
                self._file.write(encode_json(document(entry)) + b"\n")
        except OSError as error:  # a full disk: the service goes on without its log
            logger.error("the wire log is written to its file no more: %s", error.strerror)
            self._file.close()
            self._file = None

    def close(self) -> None:
        """Write what is left to the file, and close it."""
        self._write()
        if self._file is not None:
            self._file.close()
            self._file = None


def document(entry: Entry) -> dict[str, Any]:
    """Return an entry as it is read: decoded, and without secrets; never raises."""
    shown: dict[str, Any] = {"number": entry.number, "at": timestamp(entry.at)}
    shown["bot_id"] = entry.bot_id
    if isinstance(entry, FrameEntry):
        shown |= {"kind": "frame", "line": entry.line, "direction": entry.direction}
        shown |= _frame(entry.raw)
    elif isinstance(entry, LineEntry):
        shown |= {"kind": "line", "line": entry.line, "event": entry.event, "words": entry.words}
    else:
        shown |= {
            "kind": "call",
            "method": entry.method,
            "path": _path(entry.uri),
            "status": entry.status,
            "seconds": round(entry.seconds, 6),
            "request_size": entry.request_size,
            "request": _body(entry.request),
            "answer_size": entry.answer_size,
            "answer": _body(entry.answer),
        }
    if entry.fault:
        shown["fault"] = entry.fault
    return shown


def _frame(raw: bytes) -> dict[str, Any]:
    """Return what a frame holds, ``size`` on the wire and ``inflated``."""
    try:
        text = decompress(raw)
    except FrameError as error:
        return {"size": len(raw), "unreadable": str(error), "head": raw[:_HEAD].hex()}
    return {"size": len(raw), "inflated": len(text), "frame": _body(text)}


def _body(text: bytes) -> Any:
    """Return JSON as it is, and anything else as text."""
    if not text:
        return None
    try:
        return without_secrets(msgspec.json.decode(text))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        shown = text.decode(errors="replace")
        return _HIDDEN if any(name in shown for name in _SECRETS) else shown[: 16 * _HEAD]


def without_secrets(value: Any) -> Any:
    """Return JSON with the texts of secret members hidden."""
    if isinstance(value, dict):
        return {name: _shown(name, member) for name, member in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


def _shown(name: str, member: Any) -> Any:
    if name in _SECRETS and member not in ("", None) and not _is_error_code(name, member):
        return _HIDDEN
    return without_secrets(member)


def _is_error_code(name: str, member: Any) -> bool:
    return name == "code" and isinstance(member, int)


def _path(uri: str) -> str:
    """Return path and query; the secret in an upload's address is hidden."""
    path, mark, query = uri.partition("?")
    segments = path.split("/")
    if segments[1:2] == ["upload"] and len(segments) > 3:
        segments[3:] = [_HIDDEN]
    members = [member.partition("=") for member in query.split("&")]
    hidden = [
        name + equals + (_HIDDEN if unquote(name) in _SECRETS else value)
        for name, equals, value in members
    ]
    return "/".join(segments) + mark + "&".join(hidden)
