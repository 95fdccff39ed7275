"""Where the bytes of what is sent come from: a path, bytes, or a stream."""

from __future__ import annotations

import asyncio
import inspect
import io
import os
import stat
import tempfile
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TypeAlias, cast

from blazebot.errors import MediaError

__all__ = ["Readable", "Source", "SourceBytes"]

_BLOCK: Final = 256 * 1024  # bytes that are read of a stream at a time


class Readable(Protocol):
    """A binary stream, blocking or asynchronous, such as an open file or an HTTP answer's body."""

    def read(self, size: int, /) -> bytes | Awaitable[bytes]:
        """Return up to ``size`` bytes, none at the end."""


Source: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | AsyncIterable[bytes]
)
"""A path, the bytes themselves, or a stream of them, which is read once and not closed."""


class SourceBytes:
    """The bytes of a source, to be read as often as wanted.

    A stream goes to a temporary file (mode 0600) when it is first needed, so that it takes no
    memory. The file is removed by :meth:`close`, or when this object is no longer in use.

    Raises:
        MediaError: ``source`` is none.
    """

    def __init__(self, source: Source) -> None:
        self._data: bytes | None = None
        self._path: Path | None = None
        self._stream: Readable | AsyncIterable[bytes] | None = None
        self._spooling = asyncio.Lock()
        self._remove: weakref.finalize[..., SourceBytes] | None = None
        self.name: str | None = None
        """The name of the path or of an open file, without its directory; or None."""
        if isinstance(source, bytes | bytearray | memoryview):
            self._data = bytes(source)
        elif isinstance(source, str | os.PathLike):
            self._path = Path(source)
            self.name = self._path.name or None
        elif isinstance(source, AsyncIterable) or hasattr(source, "read"):
            self._stream = source
            name = getattr(source, "name", None)
            self.name = (Path(name).name or None) if isinstance(name, str) else None
        else:
            raise MediaError(
                f"source: should be a path, bytes or a binary stream, not {type(source).__name__}"
            )

    async def open(self) -> BinaryIO:
        """Return the bytes as a file at its start; close it after use.

        Raises:
            MediaError: they cannot be read.
        """
        if self._data is not None:
            return io.BytesIO(self._data)
        try:
            async with self._spooling:
                if self._path is None:
                    self._path = await self._spool()
            return await asyncio.to_thread(_open, self._path)
        except OSError as error:
            what = self.name or "source"
            raise MediaError(f"{what}: cannot be read: {error.strerror or error}") from None

    def close(self) -> None:
        """Remove the temporary file, if there is one: its stream cannot be read again."""
        if self._remove is not None:
            self._remove()

    async def _spool(self) -> Path:
        stream, self._stream = self._stream, None
        if stream is None:
            raise MediaError("source: the stream broke off when it was read; pass a new one")
        number, name = tempfile.mkstemp(prefix="blazebot-")
        remove = weakref.finalize(self, Path(name).unlink, missing_ok=True)
        try:
            with os.fdopen(number, "wb") as file:
                async for data in _read(stream):
                    if not isinstance(data, bytes | bytearray | memoryview):
                        raise MediaError("source: the stream is not binary; open it with 'rb'")
                    await asyncio.to_thread(file.write, data)
        except BaseException:
            remove()
            raise
        self._remove = remove
        return Path(name)


def _open(path: Path) -> BinaryIO:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # Such as a pipe: it could be read only once, and opening it might wait for ever.
        raise MediaError(f"{path}: is no file; save what it holds to one, and send that")
    return path.open("rb")


async def _read(stream: Readable | AsyncIterable[bytes]) -> AsyncIterator[object]:
    read: Callable[[int], Any] | None = getattr(stream, "read", None)
    if read is None:
        async for data in cast("AsyncIterable[bytes]", stream):
            yield data
    elif inspect.iscoroutinefunction(read):
        while data := await read(_BLOCK):
            yield data
    else:
        while data := await asyncio.to_thread(read, _BLOCK):
            yield data
