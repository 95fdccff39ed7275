"""What a bot's author makes to send media: content whose attachment is yet to be uploaded."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Generic, Protocol, Self, TypeAlias, TypeVar

import msgspec

from blazebot.errors import MediaError
from blazebot.media import mime_types
from blazebot.media.pictures import Picture, read_picture
from blazebot.media.recordings import Clip, Sound, read_audio, read_video
from blazebot.media.sources import Source, SourceBytes
from blazebot.wire.base64 import encode_padded_base64
from blazebot.wire.codec import encode_json
from blazebot.wire.content import Audio, File, Image, Media, Video

if TYPE_CHECKING:
    from blazebot.client.attachments import Progress, UploadedAttachment

__all__ = ["Upload", "audio", "file", "image", "video"]

M = TypeVar("M", bound=Media)

Facts: TypeAlias = dict[str, Any]
"""Fields of a content that describe its attachment, by name; absent or None where not known."""

_BLOCK: Final = 1024 * 1024
_NO_ID: Final = "00000000-0000-0000-0000-000000000000"  # stands in until there is one


class Uploader(Protocol):
    """What is needed of :class:`~blazebot.client.attachments.AttachmentClient`."""

    async def upload(
        self, source: BinaryIO, *, encrypt: bool, progress: Progress | None
    ) -> UploadedAttachment:
        """Upload a file."""


class Upload(Generic[M]):
    """Media that is uploaded when it is sent; made by :func:`image` and the like.

    It may be sent more than once, and is uploaded for each. A stream waits in a temporary file,
    which goes with this object, or earlier by :meth:`close` or ``with``.
    """

    def __init__(
        self,
        kind: type[M],
        source: Source,
        said: Mapping[str, Any],
        examine: Callable[[BinaryIO, str | None, Facts], Facts],
    ) -> None:
        self.kind = kind
        """The content that it becomes: Image, Video, Audio or File."""
        self._bytes = SourceBytes(source)
        self._said: Facts = {name: value for name, value in said.items() if value is not None}
        self._examine = examine

    def __repr__(self) -> str:
        return f"<Upload {self.kind.__name__} {self._bytes.name or ''}>"

    async def fingerprint(self) -> bytes:
        """Return the SHA-256 of the bytes and of what was said about them: 32 bytes.

        It stays the same from run to run, though each upload gives a new attachment id.

        Raises:
            MediaError: the source cannot be read.
        """
        with await self._bytes.open() as opened:
            digest = await asyncio.to_thread(_digest, opened)
        said = sorted(self._said.items())
        return hashlib.sha256(encode_json([self.kind.CATEGORY, said, digest])).digest()

    async def content(
        self, attachments: Uploader, *, encrypt: bool, progress: Progress | None = None
    ) -> M:
        """Upload, encrypted where ``encrypt`` is true, and return the content to be sent.

        Raises:
            MediaError: the source cannot be read or understood.
            ContentError: what was said would be refused; nothing was uploaded.
            AttachmentError: the upload failed; as :meth:`AttachmentClient.upload`.
        """
        with await self._bytes.open() as opened:
            facts = await asyncio.to_thread(self._facts, opened)
            content = self.kind(attachment_id=_NO_ID, **facts)
            content.check()
            opened.seek(0)
            uploaded = await attachments.upload(opened, encrypt=encrypt, progress=progress)
        return msgspec.structs.replace(
            content,
            attachment_id=uploaded.attachment_id,
            key=uploaded.key and encode_padded_base64(uploaded.key),
            digest=uploaded.digest and encode_padded_base64(uploaded.digest),
            created_at=uploaded.created_at,
        )

    def close(self) -> None:
        """Remove the temporary file of a stream, if there is one."""
        self._bytes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _facts(self, opened: BinaryIO) -> Facts:
        size = opened.seek(0, 2)
        if not size:
            what = self._bytes.name or "source"
            raise MediaError(f"{what}: it is empty, and an attachment cannot be")
        facts = self._examine(opened, self._bytes.name, self._said)
        return {
            "size": size,
            **{name: value for name, value in {**facts, **self._said}.items() if value != ""},
        }


def image(
    source: Source,
    *,
    mime_type: str | None = None,
    width: int | None = None,
    height: int | None = None,
    thumbnail: str | None = None,
) -> Upload[Image]:
    """Return a picture to be sent [S].

    What is not said is worked out. ``width`` and ``height`` are in pixels, ``thumbnail`` is a small
    picture in padded base64, ``""`` for none. Without the extra ``media``, ``width`` and
    ``height`` must be said.

    Raises:
        MediaError: ``source`` is none.
    """
    said = {"mime_type": mime_type, "width": width, "height": height, "thumbnail": thumbnail}
    return Upload(Image, source, said, _examine_image)


def video(
    source: Source,
    *,
    mime_type: str | None = None,
    width: int | None = None,
    height: int | None = None,
    duration: int | None = None,
    thumbnail: str | None = None,
) -> Upload[Video]:
    """Return a video to be sent [S]; as :func:`image`, and ``duration`` is in milliseconds.

    Without the extra ``media``, ``width``, ``height`` and ``duration`` must be said.

    Raises:
        MediaError: ``source`` is none.
    """
    said = {
        "mime_type": mime_type,
        "width": width,
        "height": height,
        "duration": duration,
        "thumbnail": thumbnail,
    }
    return Upload(Video, source, said, _examine_video)


def audio(
    source: Source,
    *,
    mime_type: str | None = None,
    duration: int | None = None,
    waveform: str | None = None,
) -> Upload[Audio]:
    """Return audio to be sent [D].

    ``duration`` is in milliseconds; ``waveform`` is padded base64 of levels of one byte each, 63 in
    the phones' own [C], ``""`` for none. Without the extra ``media``, ``duration`` must be said.

    Raises:
        MediaError: ``source`` is none.
    """
    said = {"mime_type": mime_type, "duration": duration, "waveform": waveform}
    return Upload(Audio, source, said, _examine_audio)


def file(source: Source, *, name: str | None = None, mime_type: str | None = None) -> Upload[File]:
    """Return a file to be sent [S]; its name is that of a path, unless said.

    Raises:
        MediaError: ``source`` is none, or has no name.
    """
    name = name or SourceBytes(source).name
    if not name:
        raise MediaError("name: is needed, since the source has none")
    return Upload(File, source, {"name": name, "mime_type": mime_type}, _examine_file)


def _digest(opened: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := opened.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _examine_image(opened: BinaryIO, name: str | None, said: Facts) -> Facts:
    facts = _read(read_picture, opened, said, needed=("width", "height"), wanted=("thumbnail",))
    return {"mime_type": _mime_type("image", opened, name, said), **facts}


def _examine_video(opened: BinaryIO, name: str | None, said: Facts) -> Facts:
    needed = ("width", "height", "duration")
    facts = _read(read_video, opened, said, needed=needed, wanted=("thumbnail",))
    return {"mime_type": _mime_type("video", opened, name, said), **facts}


def _examine_audio(opened: BinaryIO, name: str | None, said: Facts) -> Facts:
    facts = _read(read_audio, opened, said, needed=("duration",), wanted=("waveform",))
    return {"mime_type": _mime_type("audio", opened, name, said), **facts}


def _examine_file(opened: BinaryIO, name: str | None, said: Facts) -> Facts:
    by_name = mime_types.by_name(said["name"])
    return {"mime_type": by_name or mime_types.by_bytes(opened) or mime_types.UNKNOWN}


def _read(
    reader: Callable[[BinaryIO], Picture | Clip | Sound],
    opened: BinaryIO,
    said: Facts,
    *,
    needed: tuple[str, ...],
    wanted: tuple[str, ...],
) -> Facts:
    """Return what ``reader`` finds, unless all of it was said."""
    unsaid = [name for name in (*needed, *wanted) if name not in said]
    if not unsaid:
        return {}
    try:
        return reader(opened)._asdict()
    except ModuleNotFoundError:
        missing = [name for name in needed if name not in said]
        if not missing:
            return {}
        raise MediaError(
            f"{', '.join(missing)}: worked out by the extra: pip install 'blazebot[media]'; "
            f"without it {_otherwise(missing)}"
        ) from None
    except MediaError as error:
        raise MediaError(f"{error}; {_otherwise(unsaid)}") from None


def _otherwise(names: list[str]) -> str:
    """Say what can be done, on the command line too, where these fields cannot be worked out."""
    return f"send it as a file, or in Python pass {', '.join(f'{name}=' for name in names)}"


def _mime_type(family: str, opened: BinaryIO, name: str | None, said: Facts) -> str:
    """Return the type that was said, or that the first bytes or the name tell."""
    if "mime_type" in said:
        return str(said["mime_type"])
    found = mime_types.by_bytes(opened, family) or mime_types.by_name(name)
    if found is None or not found.startswith(f"{family}/"):
        raise MediaError(
            f"mime_type: {found or 'unknown'}, which is not {family}; {_otherwise(['mime_type'])}"
        )
    return found
