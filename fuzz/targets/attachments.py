"""Attachments up and down, of a service and a storage that answer whatever they like."""

from __future__ import annotations

import asyncio
import io
import json
import re
import tempfile
import unicodedata
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from blazebot.client import calls
from blazebot.client.attachments import AttachmentClient, safe_name
from blazebot.client.http import open_http
from blazebot.client.proxies import Proxies
from blazebot.client.rest import RestClient
from blazebot.errors import BlazebotError
from blazebot.keys.attachments import AttachmentEncryptor, decrypt_attachment
from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import encode_padded_base64
from blazebot.wire.content import File
from fuzz.bending import bent, filled, spelled
from fuzz.choices import Choices
from fuzz.raw_http import STATUSES, answering, good_answer, odd_answer
from fuzz.seeds import keystores
from fuzz.watch import Watch, check, check_shows_none
from fuzz.worlds import Attempt, in_loop
from tests.contents import MESSAGE_ID

_SIGNATURE: Final = "5f0c6e1d9b7a48f3a2d4c8e6b1f09753"
_QUERY: Final = f"?name={'a' * 80}&X-Amz-Signature={_SIGNATURE}"
"""Who has an address of the storage has the file: it is a secret, but for what it begins with."""

_GOOD: Final = f"http://storage.example/stored{_QUERY}"
_ADDRESSES: Final = (
    _GOOD,
    f"https://storage.example/stored{_QUERY}",
    f"ftp://storage.example/stored{_QUERY}",
    f"http://me:secret@storage.example/stored{_QUERY}",
    f"http://storage.example:99999/stored{_QUERY}",
    f"http://storage.example:0/stored{_QUERY}",
    f"http://[::1/stored{_QUERY}",
    f"http://[fe80::1%25eth0]/stored{_QUERY}",
    f"http://é.example/ü ü%zz%{_QUERY}",
    f"http://{'a' * 70}.example/stored{_QUERY}",
    f"//storage.example/stored{_QUERY}",
    "file:///etc/passwd",
    "http://",
    "",
)
_ATTACHMENT: Final = {
    "attachment_id": MESSAGE_ID,
    "upload_url": "@addresses",
    "view_url": "@addresses",
    "created_at": "2026-01-01T00:00:00Z",
}
_STATUSES: Final = (200, 206, 416, *STATUSES, 403, 410, 503)
_RANGES: Final = (
    "bytes 0-9/10",
    "bytes 10-99/100",
    "bytes 10-99/*",
    f"bytes 10-99/{'9' * 5000}",
    f"bytes {'0' * 5000}-1/2",
    "bytes ١٠-٩٩/١٠٠",
    "bytes */10",
    "bytes */100",
    "none",
)
_PART: Final = f".{MESSAGE_ID}.part"
_STALL: Final = 1.0  # seconds; what is good must surely come within


class _Storage:
    """A service, and the storage at the addresses that it gives: all requests come here.

    ``rest`` is the answer of the one, ``stored`` that of the other; None: it never comes.
    ``received`` is what was uploaded last, where it is read before the answer: ``reads_all``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rest = b""
        self.stored: bytes | None = b""
        self.reads_all = True
        self.received = b""

    async def answer(self, head: bytes, reader: asyncio.StreamReader) -> bytes:
        """Answer one request."""
        if b"/attachments" in head.partition(b"\r\n")[0]:
            return self.rest
        size = re.search(rb"Content-Length: (\d+)", head)
        if size is not None and self.reads_all:
            self.received = await reader.readexactly(int(size[1]))
        if self.stored is None:
            await reader.read()  # until the client gives up
        return self.stored or b""

    def be_odd(self, choices: Choices, stored: bytes) -> None:
        """Answer oddly."""
        attachment = filled(choices, _ATTACHMENT, {"addresses": _ADDRESSES})
        answer = {"data": bent(choices, attachment) if choices.once_in(4) else attachment}
        self.rest = good_answer(spelled(choices, answer))
        if choices.once_in(8):
            self.rest = odd_answer(choices, self.rest.partition(b"\r\n\r\n")[2])
        self.reads_all = not choices.once_in(4)
        self.stored = None if choices.once_in(64) else _odd_file(choices, stored)

    def be_good(self, stored: bytes) -> None:
        """Answer well."""
        good = {"attachment_id": MESSAGE_ID, "upload_url": _GOOD, "view_url": _GOOD}
        self.rest = good_answer(json.dumps({"data": good}).encode())
        self.reads_all = True
        self.stored = good_answer(stored)


class _World:
    """``client`` transfers to and from ``storage``."""

    def __init__(self, storage: _Storage, client: AttachmentClient, watch: Watch) -> None:
        self.storage = storage
        self.client = client
        self.watch = watch


@asynccontextmanager
async def _serving(watch: Watch) -> AsyncIterator[_World]:
    calls._BACKOFF = 0.001  # type: ignore[misc] # pauses would be most of the time
    watch.secrets = {one for name, one in keystores()[3].items() if "private" in name}
    watch.secrets.add(_SIGNATURE)
    with tempfile.TemporaryDirectory() as folder:
        storage = _Storage(Path(folder))
        async with (
            answering(storage.answer) as url,
            # By a proxy every address leads here, and none to anybody else.
            open_http(Proxies(url)) as http,
        ):
            keystore = Keystore.load(keystores()[3])
            rest = RestClient(keystore, http, urls=["http://service.example"], timeout=2.0)
            client = AttachmentClient(rest, http, stall_timeout=_STALL, tries=2, pause=0.001)
            yield _World(storage, client, watch)


def _odd_file(choices: Choices, stored: bytes) -> bytes:
    """Return an answer of the storage: part of the file, or more of it, or as odd as can be."""
    if choices.once_in(2):
        stored = stored[choices.below(32) :] + choices.some()
    if choices.once_in(2):
        return odd_answer(choices, stored, _STATUSES)
    headers = [f"Content-Length: {len(stored)}"] if choices.once_in(2) else []
    if choices.once_in(2):
        headers.append(f"Content-Range: {choices.pick(_RANGES)}")
    return good_answer(stored, choices.pick(_STATUSES), headers)


async def _attempt(world: _World, choices: Choices) -> None:
    _check_name(choices.text())
    is_encrypted = choices.once_in(2)
    plain = choices.pick((b"some words", b"", bytes(100), bytes(70_000)))
    if choices.once_in(4):
        await _upload(world, choices, plain, is_encrypted=is_encrypted)
    else:
        await _download(world, choices, plain, is_encrypted=is_encrypted)


def _check_name(text: str) -> None:
    name = safe_name(text)
    check(
        name not in ("", ".", "..") and not set(name) & set('/\\<>:"|?*'), f"{name!r} is not safe"
    )
    check(len(name.encode()) <= 200, f"a name of {len(name.encode())} bytes")
    check(not any(unicodedata.category(one)[0] == "C" for one in name), f"{name!r} is not shown")


async def _upload(world: _World, choices: Choices, plain: bytes, *, is_encrypted: bool) -> None:
    """Upload a file to an odd storage, then to a good one: what came there is the file."""
    for is_good in (False, True):
        if is_good:
            world.storage.be_good(b"")
        else:
            world.storage.be_odd(choices, b"")
        world.storage.received = b""
        try:
            uploaded = await world.client.upload(io.BytesIO(plain), encrypt=is_encrypted)
        except BlazebotError as error:
            check(not is_good, f"a good storage, and yet {error}")
            check_shows_none(str(error), world.watch.secrets)
            continue
        if not world.storage.reads_all:
            continue
        received = world.storage.received
        if uploaded.key is not None:
            received = decrypt_attachment(received, key=uploaded.key, digest=uploaded.digest or b"")
        check(received == plain, "another file was uploaded")
        check(uploaded.size == len(plain), f"{uploaded.size} bytes were uploaded")
        check((uploaded.key is not None) == is_encrypted, "encrypted, or not, as was not asked")


async def _download(world: _World, choices: Choices, plain: bytes, *, is_encrypted: bool) -> None:
    """Download a file from an odd storage, now and then again, and then from a good one."""
    stored, attachment = plain, File(attachment_id=MESSAGE_ID)
    if is_encrypted:
        encryptor = AttachmentEncryptor()
        stored = encryptor.update(plain) + encryptor.finalize()
        attachment = File(
            attachment_id=MESSAGE_ID,
            key=encode_padded_base64(encryptor.key),
            digest=encode_padded_base64(encryptor.digest),
        )
    size = choices.pick((None, len(plain)))
    limit = choices.pick((len(plain), 10**6))
    resume = choices.once_in(2)
    target = world.storage.folder / "file"
    for left in reversed(range(2 + choices.below(3))):
        if left:
            world.storage.be_odd(choices, stored)
        else:
            world.storage.be_good(stored)
        try:
            found = await world.client.download(
                attachment, target, size=size, limit=limit, resume=resume
            )
        except BlazebotError as error:
            check(left, f"a good storage, and yet {error}")
            check_shows_none(str(error), world.watch.secrets)
            kept = {_PART} if resume else set()
        else:
            raw = target.read_bytes()
            check(len(raw) == found <= limit, f"{found} bytes, and {len(raw)} in the file")
            check(size in (None, found), f"{found} bytes, not {size}")
            check(raw == plain or (left and not is_encrypted), "another file was downloaded")
            target.unlink()
            kept = set()
        names = {one.name for one in world.storage.folder.iterdir()}
        check(names <= kept, f"there is left {names}")


def attachments() -> AbstractContextManager[Attempt]:
    """Addresses, statuses, ranges and bytes that no service and no storage should give."""
    return in_loop(_serving, _attempt, allowed=("answered with another's X-Request-Id",))
