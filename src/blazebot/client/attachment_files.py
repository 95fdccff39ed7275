"""The files behind attachments: what is read on the way up, and written on the way down."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import tempfile
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Self, TypeVar

from blazebot.errors import AttachmentError
from blazebot.keys.attachments import AttachmentEncryptor, decrypt_attachment_file

__all__ = ["BLOCK", "Part", "Source", "decrypt_to", "in_thread", "safe_name"]

T = TypeVar("T")

BLOCK: Final = 1024 * 1024
"""Bytes that are read or written at a time, in a thread (ours)."""

_LOCK_TRIES: Final = 3
_NAME_BYTES: Final = 200  # of the 255 that file systems allow, so that endings can be added


class Source:
    """What is to be uploaded: a file or a stream."""

    def __init__(self, source: BinaryIO | AsyncIterable[bytes]) -> None:
        self._stream = source if isinstance(source, AsyncIterable) else None
        self._file = None if isinstance(source, AsyncIterable) else source
        self._start = 0
        self._reading = asyncio.Lock()  # a try that ended may have a read under way
        self.repeatable = self._file is not None and self._file.seekable()

    async def measure(self, size: int | None) -> int:
        """Return how many bytes there are; ``size``, where there is no telling, must be given."""
        if self._file is None or not self.repeatable:
            if size is None:
                raise AttachmentError("size: is needed for a source that cannot be read twice")
            return size
        try:
            self._start = self._file.tell()
            found = await in_thread(self._file.seek, 0, os.SEEK_END) - self._start
        except OSError as error:
            raise _unreadable(error) from None
        if size is not None and size != found:
            raise AttachmentError(f"the source has {found} bytes, not {size}")
        return found

    async def blocks(self, encryptor: AttachmentEncryptor | None) -> AsyncGenerator[bytes, None]:
        """Yield what is to be stored."""
        if self._stream is not None:
            async for data in self._stream:
                yield await in_thread(encryptor.update, data) if encryptor else data
            if encryptor:
                yield encryptor.finalize()
        if self._file is not None:
            reader = self._read(self._file, encryptor)
            while (block := await self._next(reader)) is not None:
                yield block

    async def _next(self, reader: Iterator[bytes]) -> bytes | None:
        async with self._reading:
            try:
                return await in_thread(next, reader, None)
            except OSError as error:
                raise _unreadable(error) from None

    def _read(self, file: BinaryIO, encryptor: AttachmentEncryptor | None) -> Iterator[bytes]:
        if self.repeatable:
            file.seek(self._start)
        while data := file.read(BLOCK):
            yield encryptor.update(data) if encryptor else data
        if encryptor:
            yield encryptor.finalize()


class Part:
    """The bytes of an attachment that have come so far, in a file of their own."""

    def __init__(self, file: BinaryIO, path: Path, *, found_again: bool) -> None:
        self.file = file
        self.path = path
        self.size = file.seek(0, os.SEEK_END)
        self._found_again = found_again
        self._gone = False

    @classmethod
    def open(cls, target: Path, attachment_id: str) -> Self:
        """Open the part that an earlier download has left, or a new one."""
        if target.is_dir():
            raise AttachmentError(f"{target} is a directory; name a file in it")
        path = target.with_name(f".{attachment_id.lower()}.part")
        try:
            file = cls._lock(path)
            if file is not None:
                return cls(file, path, found_again=True)
            number, name = tempfile.mkstemp(
                prefix=f"{path.stem}.", suffix=path.suffix, dir=path.parent
            )
            return cls(os.fdopen(number, "r+b"), Path(name), found_again=False)
        except OSError as error:
            raise _unwritable(target, error) from None

    @classmethod
    def _lock(cls, path: Path) -> BinaryIO | None:
        """Open a file that nobody else has; None if somebody downloads the same at this moment."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        for _ in range(_LOCK_TRIES):
            file = os.fdopen(os.open(path, flags, 0o600), "r+b")
            with suppress(BlockingIOError, FileNotFoundError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever had it before may just have put it in its final place.
                if os.path.samestat(path.stat(follow_symlinks=False), os.fstat(file.fileno())):
                    return file
            file.close()
        return None

    def write(self, data: bytes | bytearray) -> None:
        """Add bytes to the end."""
        try:
            self.file.seek(self.size)
            self.file.write(data)
            self.file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self.size += len(data)

    def truncate(self) -> None:
        """Begin again."""
        try:
            self.file.truncate(0)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self.size = 0

    def become(self, target: Path) -> int:
        """Put the file in its final place; return its size."""
        _put_in_place(self.file, self.path, target)
        self._gone = True
        return self.size

    def close(self, *, keep: bool) -> None:
        """Close the file, and remove it unless its bytes are to be kept."""
        if not self._gone and not (keep and self._found_again and self.size):
            self.path.unlink(missing_ok=True)
        self.file.close()


def safe_name(name: str, default: str = "file") -> str:
    """Return ``name``, which somebody sent, as a name that is safe for a file in a directory.

    What stands before a slash or backslash goes, as do control and invisible characters and dots
    and spaces at its ends; characters that some file systems refuse become ``_``; it has at most
    200 bytes, its ending kept. Where nothing is left it is ``default``.
    """
    text = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    text = "".join(one for one in text if unicodedata.category(one)[0] != "C")
    text = re.sub(r'[<>:"|?*]', "_", text).strip(". \u3000\u00a0")
    stem, dot, ending = text.rpartition(".")
    if not dot or len(ending.encode()) > 20:
        stem, ending = text, ""
    room = _NAME_BYTES - len((dot + ending).encode()) if ending else _NAME_BYTES
    stem = stem.encode()[:room].decode(errors="ignore")
    return f"{stem}.{ending}" if ending else stem or default


def _unreadable(error: OSError) -> AttachmentError:
    return AttachmentError(f"the source cannot be read: {error.strerror or error}")


def _unwritable(path: Path, error: OSError) -> AttachmentError:
    return AttachmentError(f"{path} cannot be written: {error.strerror or error}")


def decrypt_to(stored: BinaryIO, target: Path, key: bytes, digest: bytes) -> int:
    """Write the plaintext of a stored attachment to a new file at ``target``; return its size.

    It is written beside its place, and put there when it is whole.

    Raises:
        DecryptionError: it is not what the message says; then nothing is written.
        AttachmentError: the file cannot be written.
    """
    chunks = decrypt_attachment_file(stored, key=key, digest=digest)
    number, name = tempfile.mkstemp(prefix=".", suffix=".decrypted", dir=target.parent)
    path = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            _put_in_place(file, path, target)
            return file.tell()
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        path.unlink(missing_ok=True)


def _put_in_place(file: BinaryIO, path: Path, target: Path) -> None:
    try:
        file.flush()
        os.fsync(file.fileno())  # so that a crash leaves no empty file in its place
        path.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from None


async def in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Call in a thread; even where this is cancelled, nothing goes on when it has ended."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait((running,))
        raise
