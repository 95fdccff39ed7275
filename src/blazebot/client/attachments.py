"""Attachments up and down, in bounded memory (protocol sections 8 and 9).

    upload:    POST /attachments -> upload_url <- PUT the bytes
    download:  GET /attachments/:id -> view_url -> part file -> target

Encrypted attachments are encrypted on their way up. On their way down the stored bytes are checked
first, all of them, and only then decrypted. Files are read, written and decrypted in threads.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar

import aiohttp
import msgspec
from yarl import URL

from blazebot.client.attachment_files import BLOCK, Part, Source, decrypt_to, in_thread, safe_name
from blazebot.errors import (
    AttachmentError,
    AttachmentGone,
    AttachmentInterrupted,
    AttachmentTooLarge,
    BlazebotError,
    ConnectionLost,
    ContentError,
    DecryptionError,
    FrameError,
    RequestTimeout,
    ServiceError,
)
from blazebot.keys.attachments import AttachmentEncryptor, stored_size
from blazebot.wire.base64 import decode_base64
from blazebot.wire.codec import decode_json
from blazebot.wire.content import Media
from blazebot.wire.ids import is_uuid
from blazebot.wire.limits import DOWNLOAD_LIMIT

__all__ = [
    "AttachmentClient",
    "Progress",
    "UploadedAttachment",
    "safe_name",
]

T = TypeVar("T")

Progress = Callable[[int, int | None], object]
"""Called with the bytes transferred so far, as they are stored, and their number or None.

It is called in the event loop, never with less than before, and at the end with all of them.
"""

_PIECE: Final = 64 * 1024  # bytes that have to get on their way before the stall limit
_PAUSE_CAP: Final = 10.0
_REDIRECTS: Final = 5

_UPLOAD_HEADERS: Final = {"Content-Type": "application/octet-stream", "x-amz-acl": "public-read"}
_GONE: Final = (404, 410)
_MAY_PASS: Final = (403, 408, 425, 429)  # 403: the signature in the address has expired
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None)


class Rest(Protocol):
    """What is needed of :class:`~blazebot.client.rest.RestClient`."""

    async def call(self, method: str, path: str, body: object = None) -> msgspec.Raw:
        """Return ``data`` of the answer as raw JSON."""


class _Answer(msgspec.Struct):
    attachment_id: str = ""
    upload_url: str | None = None
    view_url: str | None = None
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class UploadedAttachment:
    """What a message needs to know of an attachment.

    ``size`` is in bytes, before encryption. ``key`` (64 bytes) and ``digest`` (32) are there if it
    is stored encrypted. ``created_at`` is the service's time of it, or None.
    """

    attachment_id: str
    size: int
    key: bytes | None = field(default=None, repr=False)
    digest: bytes | None = None
    created_at: str | None = None


class AttachmentClient:
    """Uploads and downloads attachments.

    ``rest`` makes signed calls; ``http`` transfers the bytes, without a token. ``stall_timeout``:
    seconds in which some bytes must get through, up or down; there is no limit on the whole.
    ``tries``: of one transfer, each with a fresh address. ``pause``: seconds before the second
    try; twice as long before each further one, up to 10.
    """

    def __init__(
        self,
        rest: Rest,
        http: aiohttp.ClientSession,
        *,
        stall_timeout: float = 30.0,
        tries: int = 3,
        pause: float = 1.0,
    ) -> None:
        self._rest = rest
        self._http = http
        self._stall_timeout = stall_timeout
        self._tries = tries
        self._pause = pause

    # Up

    async def upload(
        self,
        source: BinaryIO | AsyncIterable[bytes],
        *,
        size: int | None = None,
        encrypt: bool = False,
        progress: Progress | None = None,
    ) -> UploadedAttachment:
        """Upload a file from its current position on, or a stream of ``size`` bytes [D][C].

        What cannot be read again (a stream, a file that cannot seek) needs ``size`` and has one
        try. A source must not be read elsewhere meanwhile; it is not closed.

        Raises:
            AttachmentError: refused; or the source does not have ``size`` bytes.
            AttachmentInterrupted: it broke off or stalled, and so did each further try.
            ServiceError, ConnectionLost, RequestTimeout: ``POST /attachments`` failed.
        """
        stored = Source(source)
        plain_size = await stored.measure(size)
        report = _Report(progress, stored_size(plain_size) if encrypt else plain_size)

        async def attempt() -> UploadedAttachment:
            answer = await self._ask("POST", "/attachments", {})
            if not is_uuid(answer.attachment_id):
                raise AttachmentError("POST /attachments: the answer names no attachment_id")
            address = _address("upload_url", answer.upload_url)
            encryptor = AttachmentEncryptor() if encrypt else None
            blocks = stored.blocks(encryptor)
            try:
                await self._put(address, blocks, report)
            finally:
                await _close(blocks)
            return UploadedAttachment(
                answer.attachment_id,
                plain_size,
                encryptor.key if encryptor else None,
                encryptor.digest if encryptor else None,
                answer.created_at,
            )

        return await self._retried(attempt, self._tries if stored.repeatable else 1)

    async def _put(self, address: URL, blocks: AsyncIterator[bytes], report: _Report) -> None:
        failures: list[Exception] = []  # of the source, which aiohttp would report as its own

        async def body(stall: _Stall) -> AsyncIterator[memoryview]:
            sent = 0
            try:
                async for block in blocks:
                    if sent + len(block) > report.total:
                        raise AttachmentError(f"the source has more than its {report.total} bytes")
                    for start in range(0, len(block), _PIECE):
                        piece = memoryview(block)[start : start + _PIECE]
                        yield piece  # goes on once there is room for the next
                        sent += len(piece)
                        stall.moved()
                        report(sent)
                if sent < report.total:
                    raise AttachmentError(f"the source has {sent} bytes, not {report.total}")
            except Exception as error:
                failures.append(error)
                raise

        headers = {**_UPLOAD_HEADERS, "Content-Length": str(report.total)}
        try:
            async with (
                self._transfer("the upload") as stall,
                self._http.put(
                    address,
                    data=body(stall),
                    headers=headers,
                    allow_redirects=False,
                    timeout=_NO_LIMIT,
                ) as response,
            ):
                status = response.status
        except BlazebotError:
            if failures:
                raise failures[0] from None
            raise
        if status != 200:
            raise _refused("the upload", status)
        report(report.total)

    # Down

    async def download(
        self,
        attachment: Media | str,
        path: str | os.PathLike[str],
        *,
        limit: int = DOWNLOAD_LIMIT,
        size: int | None = None,
        resume: bool = True,
        progress: Progress | None = None,
    ) -> int:
        """Download an attachment, by content or id, to ``path``; return its size in bytes.

        An encrypted one is given by its content, which has the key. ``limit`` bounds its bytes,
        ``size`` is how many it should have, if known: what a sender writes is only a claim.

        The bytes gather in ``.<attachment id>.part`` beside ``path``, which replaces ``path`` when
        all are there and right. If the transfer breaks off, the part stays for the next call, if
        ``resume`` is true. Nothing else is ever left behind. Files get mode 0600.

        ``path`` should be of your choosing; make one of a name that somebody sent only by
        :func:`safe_name`.

        Raises:
            AttachmentGone: the service does not have it, or no longer [D].
            AttachmentTooLarge: it has more than ``limit`` bytes.
            AttachmentInterrupted: it broke off or stalled, and so did each further try.
            AttachmentError: refused, not of ``size`` bytes, or the file cannot be written.
            DecryptionError: it is not what the message says, or damaged.
            ServiceError, ConnectionLost, RequestTimeout: ``GET /attachments/:id`` failed.
        """
        attachment_id, secret = _what(attachment)
        target = Path(path)
        stored: Callable[[int], int] = stored_size if secret else lambda size: size
        bounds = _Bounds(
            limit, stored(limit), None if size is None else stored(size), _Report(progress, None)
        )
        part = Part.open(target, attachment_id)
        keep = resume
        try:
            await self._retried(
                lambda: self._fetch(attachment_id, part, bounds, resume=resume), self._tries
            )
            if secret is None:
                found = await in_thread(part.become, target)
            else:
                # Not in_thread: when this is cancelled, the thread finds its file closed and ends.
                found = await asyncio.to_thread(decrypt_to, part.file, target, *secret)
            keep = False
        except (AttachmentError, DecryptionError) as error:
            keep = resume and isinstance(error, AttachmentInterrupted)
            raise
        finally:
            part.close(keep=keep)
        return found

    async def _fetch(
        self, attachment_id: str, part: Part, bounds: _Bounds, *, resume: bool
    ) -> None:
        try:
            answer = await self._ask("GET", f"/attachments/{attachment_id}")
        except ServiceError as error:
            if error.code in _GONE:
                raise AttachmentGone(attachment_id) from None
            raise
        address = _address("view_url", answer.view_url)
        if not resume or (bounds.expected is not None and part.size > bounds.expected):
            await in_thread(part.truncate)
        try:
            await self._receive(attachment_id, address, part, bounds)
        except _CannotResume:
            await in_thread(part.truncate)
            await self._receive(attachment_id, address, part, bounds)

    async def _receive(self, attachment_id: str, address: URL, part: Part, bounds: _Bounds) -> None:
        # What is stored is wanted, not what is encoded for the way.
        headers = {"Accept-Encoding": "identity"}
        if part.size:
            headers["Range"] = f"bytes={part.size}-"
        async with (
            self._transfer("the download") as stall,
            self._http.get(
                address, headers=headers, max_redirects=_REDIRECTS, timeout=_NO_LIMIT
            ) as response,
        ):
            if response.status in _GONE:
                raise AttachmentGone(attachment_id)
            if response.status == 200 and part.size:
                await in_thread(part.truncate)
            total = _total(response, part.size)
            bounds.check_total(total)
            if response.status != 416:
                await self._write(response, part, bounds, stall, total)
        if total is not None and part.size < total:
            raise AttachmentInterrupted(
                f"the download ended after {part.size} of {total} bytes; try again"
            )
        bounds.check_end(part.size)
        bounds.report(part.size, part.size)

    async def _write(
        self,
        response: aiohttp.ClientResponse,
        part: Part,
        bounds: _Bounds,
        stall: _Stall,
        total: int | None,
    ) -> None:
        gathered = bytearray()
        try:
            async for data in response.content.iter_chunked(_PIECE):
                stall.moved()
                gathered += data
                received = part.size + len(gathered)
                bounds.check_so_far(received, total)
                bounds.report(received, total)
                if len(gathered) >= BLOCK:
                    block, gathered = gathered, bytearray()
                    await in_thread(part.write, block)
        finally:
            await in_thread(part.write, gathered)

    # Both

    async def _ask(self, method: str, path: str, body: object = None) -> _Answer:
        try:
            return decode_json(await self._rest.call(method, path, body), _Answer)
        except FrameError as error:
            raise AttachmentError(f"{method} /attachments: not an attachment: {error}") from None

    async def _retried(self, attempt: Callable[[], Awaitable[T]], tries: int) -> T:
        pause = self._pause
        while True:
            tries -= 1
            try:
                return await attempt()
            except (AttachmentInterrupted, ConnectionLost, RequestTimeout, ServiceError) as error:
                if not tries or (isinstance(error, ServiceError) and not error.temporary):
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_CAP)

    @asynccontextmanager
    async def _transfer(self, what: str) -> AsyncIterator[_Stall]:
        """Turn the network's errors within into ours."""
        try:
            async with asyncio.timeout(self._stall_timeout) as timeout:
                yield _Stall(timeout, self._stall_timeout)
        except TimeoutError:
            raise AttachmentInterrupted(
                f"{what} stalled: not a byte within {self._stall_timeout:g} s; see stall_timeout"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            # Not the error's own words: they may hold the address, which is a secret.
            words = error.strerror if isinstance(error, OSError) else None
            raise AttachmentInterrupted(
                f"{what} broke off: {words or type(error).__name__}; try again"
            ) from None


async def _close(blocks: AsyncGenerator[bytes, None]) -> None:
    while True:
        try:
            await blocks.aclose()
        except RuntimeError:
            # An early answer: the request's writer, just cancelled, is still leaving it.
            await asyncio.sleep(0)
        else:
            return


class _Stall:
    """The deadline that each byte puts off."""

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout = timeout
        self._seconds = seconds

    def moved(self) -> None:
        with suppress(RuntimeError):  # the transfer is over
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)


class _Report:
    """Tells of progress, and never goes back, though another try begins again."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self._progress = progress
        self._total = total
        self._most = -1

    @property
    def total(self) -> int:
        """The bytes of an upload."""
        return self._total or 0

    def __call__(self, done: int, total: int | None = None) -> None:
        if self._progress is not None and done > self._most:
            self._most = done
            self._progress(done, self._total if total is None else total)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What a download must keep to: ``limit`` as the caller knows it, the others as stored."""

    limit: int
    stored_limit: int
    expected: int | None
    report: _Report

    def check_total(self, total: int | None) -> None:
        if total is not None:
            self.check_so_far(total, total)
            self.check_end(total)

    def check_so_far(self, received: int, total: int | None) -> None:
        if received > self.stored_limit:
            raise AttachmentTooLarge(self.limit)
        if total is not None and received > total:
            raise AttachmentError(f"more bytes come than the {total} that were announced")

    def check_end(self, size: int) -> None:
        if self.expected is not None and size != self.expected:
            raise AttachmentError(
                f"the attachment is stored in {size} bytes; it should be {self.expected}"
            )


class _CannotResume(Exception):
    """The server does not go on where the part ends."""


def _what(attachment: Media | str) -> tuple[str, tuple[bytes, bytes] | None]:
    """Return the attachment's id, and its key and digest if it is encrypted."""
    attachment_id = attachment if isinstance(attachment, str) else attachment.attachment_id
    if not is_uuid(attachment_id):
        raise AttachmentError(f"attachment_id: should be a UUID, not {attachment_id!r:.80}")
    if isinstance(attachment, str) or attachment.key is None:
        return attachment_id, None
    try:
        key, digest = decode_base64(attachment.key), decode_base64(attachment.digest or "")
    except ContentError as error:
        raise DecryptionError("key", f"key or digest: {error}") from None
    return attachment_id, (key, digest)


def _address(name: str, text: str | None) -> URL:
    """Return an address that the service gave, exactly as it is where that is possible."""
    try:
        if not text or not text.isprintable():
            raise ValueError
        # A signature in it covers its spelling.
        url = URL(text, encoded=text.isascii() and " " not in text)
        if url.scheme not in ("http", "https") or not url.host or url.user or url.password:
            raise ValueError
    except ValueError:
        raise AttachmentError(
            f"{name}: the service gave no address that can be used: {text!r:.80}"
        ) from None
    return url


def _total(response: aiohttp.ClientResponse, offset: int) -> int | None:
    """Return how many bytes the attachment is stored in, or None if the server does not say."""
    header = response.headers.get("Content-Range", "")
    if response.status == 200:
        return None if "Content-Encoding" in response.headers else response.content_length
    if offset and response.status == 206:
        found = re.fullmatch(r"bytes (\d{1,18})-\d+/(\d{1,18}|\*)", header)
        if found is None or int(found[1]) != offset:
            raise _CannotResume
        return None if found[2] == "*" else int(found[2])
    if offset and response.status == 416:
        if header == f"bytes */{offset}":
            return offset  # all of it is here
        raise _CannotResume
    raise _refused("the download", response.status)


def _refused(what: str, status: int) -> AttachmentError:
    if status in _MAY_PASS or status >= 500:
        return AttachmentInterrupted(f"{what} was refused with HTTP {status}; try again")
    return AttachmentError(f"{what} was refused with HTTP {status}")
