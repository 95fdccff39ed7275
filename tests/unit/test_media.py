"""Media to send: what is worked out of real files, and what is said where that cannot be done."""

from __future__ import annotations

import asyncio
import gc
import io
import random
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast
from uuid import uuid4

import av
import pytest
from PIL import Image as Pillow

from blazebot.client.attachments import AttachmentClient, Progress, UploadedAttachment
from blazebot.errors import AttachmentError, ContentError, MediaError
from blazebot.keys.attachments import encrypt_attachment
from blazebot.media import Upload, audio, file, image, video
from blazebot.media.sources import Source
from blazebot.wire.base64 import decode_base64
from blazebot.wire.content import Audio, File, Image, Media, Video
from tests.samples import PDF, clip, oriented, picture, sound


class Stored(AttachmentClient):
    """Takes what is uploaded."""

    def __init__(self) -> None:
        self.data = b""
        self.uploads = 0

    async def upload(
        self,
        source: object,
        *,
        size: int | None = None,
        encrypt: bool = False,
        progress: Progress | None = None,
    ) -> UploadedAttachment:
        self.uploads += 1
        self.data = cast("BinaryIO", source).read()
        if progress:
            progress(len(self.data), len(self.data))
        if not encrypt:
            return UploadedAttachment(str(uuid4()), len(self.data), created_at="2026-01-01")
        made = encrypt_attachment(self.data)
        return UploadedAttachment(str(uuid4()), len(self.data), made.key, made.digest)


@pytest.fixture
def stored() -> Stored:
    return Stored()


def thumbnail_of(content: Image | Video) -> Pillow.Image:
    """Read a thumbnail as a client does: standard base64 of a small picture."""
    assert content.thumbnail is not None
    raw = decode_base64(content.thumbnail)
    assert len(raw) <= 5000
    made = Pillow.open(io.BytesIO(raw))
    assert made.format == "JPEG"
    assert max(made.size) <= 100
    return made


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in modules:
            monkeypatch.delitem(sys.modules, name)
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "PIL", "av")


# Real files


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_a_picture(stored: Stored, kind: str) -> None:
    data = picture(kind)
    content = await image(data).content(stored, encrypt=False)
    assert type(content) is Image
    assert (content.mime_type, content.size) == (f"image/{kind.lower()}", len(data))
    assert (content.width, content.height) == (640, 480)
    assert thumbnail_of(content).size == (100, 75)
    assert content.created_at == "2026-01-01"
    assert stored.data == data
    assert Image.decode(content.encode()) == content


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_picture_is_seen_upright(stored: Stored, orientation: int) -> None:
    content = await image(oriented(orientation)).content(stored, encrypt=False)
    upright = orientation < 5
    assert (content.width, content.height) == ((640, 480) if upright else (480, 640))
    thumbnail = thumbnail_of(content)
    assert thumbnail.size == ((100, 75) if upright else (75, 100))
    # The red quarter was at the top left as stored.
    corners = {
        1: (0, 0),
        2: (1, 0),
        3: (1, 1),
        4: (0, 1),
        5: (0, 0),
        6: (1, 0),
        7: (1, 1),
        8: (0, 1),
    }
    x, y = corners[orientation]
    red, green, _ = cast(
        "tuple[int, int, int]",
        thumbnail.getpixel(
            (thumbnail.width * (1 + 2 * x) // 4, thumbnail.height * (1 + 2 * y) // 4)
        ),
    )
    assert red > 180
    assert green < 80


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "1", "LA", "I;16"])
async def test_every_mode_gets_a_thumbnail(stored: Stored, mode: str) -> None:
    made = io.BytesIO()
    source = Pillow.new("L" if mode == "I;16" else mode, (300, 30))
    source.convert(mode).save(made, "PNG")
    content = await image(made.getvalue()).content(stored, encrypt=False)
    assert thumbnail_of(content).size == (100, 10)


async def test_a_video(stored: Stored) -> None:
    data = clip()
    content = await video(data).content(stored, encrypt=False)
    assert type(content) is Video
    assert (content.mime_type, content.size) == ("video/mp4", len(data))
    assert (content.width, content.height, content.duration) == (320, 180, 2000)
    assert thumbnail_of(content).size == (100, 56)
    assert stored.data == data


async def test_a_video_is_seen_upright(stored: Stored) -> None:
    content = await video(clip(rotation=90)).content(stored, encrypt=False)
    assert (content.width, content.height) == (180, 320)
    assert thumbnail_of(content).size == (56, 100)


async def test_a_video_whose_head_names_no_duration(stored: Stored) -> None:
    class OneWay(io.RawIOBase):
        """As a recorder writes it that cannot go back to fill in the duration."""

        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    made = OneWay()
    with av.open(made, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode(None))
    content = await video(made.data).content(stored, encrypt=False)
    assert content.mime_type == "video/x-matroska"
    assert content.duration == pytest.approx(2000, abs=100)


async def test_a_voice_message(stored: Stored) -> None:
    data = sound()
    content = await audio(data).content(stored, encrypt=False)
    assert type(content) is Audio
    assert (content.mime_type, content.size) == ("audio/ogg", len(data))
    assert content.duration == pytest.approx(2000, abs=20)
    assert content.waveform is not None
    levels = decode_base64(content.waveform)
    assert len(levels) == 63
    assert max(levels) == 255
    assert max(levels[:28]) < 10
    assert min(levels[36:60]) > 200
    assert stored.data == data


async def test_short_and_silent_audio(stored: Stored) -> None:
    content = await audio(sound("wav", 0.02)).content(stored, encrypt=False)
    assert content.mime_type == "audio/wav"
    assert content.duration == 20
    assert content.waveform is not None
    assert len(decode_base64(content.waveform)) == 63


async def test_a_pdf(stored: Stored, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(PDF)
    content = await file(path).content(stored, encrypt=False)
    assert type(content) is File
    assert (content.mime_type, content.size) == ("application/pdf", len(PDF))
    assert content.name == "report.pdf"
    assert stored.data == PDF


@pytest.mark.parametrize(
    ("name", "data", "mime_type"),
    [
        ("a.docx", b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml"),
        ("a", PDF, "application/pdf"),
        ("a.unheard-of", b"?", "application/octet-stream"),
        ("a.txt", b"text", "text/plain"),
        ("a.tar.gz", b"\x1f\x8b\x08", "application/gzip"),
    ],
)
async def test_the_type_of_a_file(stored: Stored, name: str, data: bytes, mime_type: str) -> None:
    content = await file(data, name=name).content(stored, encrypt=False)
    assert content.mime_type.startswith(mime_type)


async def test_encrypted_it_carries_key_and_digest(stored: Stored) -> None:
    calls: list[tuple[int, int | None]] = []
    upload = image(picture("PNG"))
    content = await upload.content(
        stored, encrypt=True, progress=lambda done, total: calls.append((done, total))
    )
    assert content.is_encrypted
    assert content.key is not None
    assert content.key.endswith("==")  # 64 bytes, padded
    content.check()
    assert calls


# Sources


async def asynchronous(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


def reader(data: bytes) -> asyncio.StreamReader:
    made = asyncio.StreamReader()
    made.feed_data(data)
    made.feed_eof()
    return made


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "bytearray", "file", "async", "reader"])
async def test_every_source_gives_the_same(stored: Stored, tmp_path: Path, kind: str) -> None:
    data = picture("PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    opened = path.open("rb")
    sources: dict[str, Source] = {
        "path": path,
        "text": str(path),
        "bytes": data,
        "bytearray": bytearray(data),
        "file": opened,
        "async": asynchronous(data),
        "reader": reader(data),
    }
    upload = image(sources[kind])
    first = await upload.fingerprint()
    content = await upload.content(stored, encrypt=False)
    assert stored.data == data
    assert await upload.fingerprint() == first == await image(data).fingerprint()
    assert (await upload.content(stored, encrypt=True)).width == content.width  # once more
    assert stored.data == data
    assert not opened.closed
    opened.close()


def spooled() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("blazebot-*")}


@pytest.fixture
def own_temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.usefixtures("own_temporary_directory")
async def test_a_stream_waits_in_a_file_that_goes_with_the_upload() -> None:
    upload: Upload[File] | None = file(asynchronous(b"data" * 1000), name="a")
    assert upload is not None
    await asyncio.gather(upload.fingerprint(), upload.fingerprint())
    (name,) = spooled()
    assert (Path(tempfile.gettempdir()) / name).stat().st_mode & 0o777 == 0o600
    upload = None
    gc.collect()
    assert not spooled()
    with file(asynchronous(b"data"), name="a") as upload:
        await upload.fingerprint()
        assert spooled()
    assert not spooled()
    with pytest.raises(MediaError, match="cannot be read"):
        await upload.fingerprint()


@pytest.mark.usefixtures("own_temporary_directory")
async def test_a_stream_that_breaks_off_is_never_sent_in_part(stored: Stored) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise LookupError("broken")

    upload = file(broken(), name="a")
    with pytest.raises(LookupError):
        await upload.content(stored, encrypt=False)
    assert not spooled()
    with pytest.raises(MediaError, match="broke off"):
        await upload.content(stored, encrypt=False)
    with pytest.raises(MediaError, match="not binary"):
        await file(cast("BinaryIO", io.StringIO("text")), name="a").content(stored, encrypt=False)
    assert not spooled()
    assert not stored.uploads


async def test_what_is_no_source(stored: Stored, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="should be a path"):
        image(cast("bytes", 7))
    with pytest.raises(MediaError, match="name: is needed"):
        file(b"data")
    with pytest.raises(MediaError, match=r"missing\.png: cannot be read"):
        await image(tmp_path / "missing.png").content(stored, encrypt=False)
    with pytest.raises(MediaError, match="cannot be read"):
        await image(tmp_path).fingerprint()
    with pytest.raises(MediaError, match="empty"):
        await file(b"", name="a").content(stored, encrypt=False)


# Fingerprints


async def test_a_fingerprint_is_of_the_bytes_and_of_what_was_said() -> None:
    data = picture("PNG")
    uploads: list[Upload[Media]] = [
        cast("Upload[Media]", upload)
        for upload in (
            image(data),
            image(data + b"x"),
            image(data, width=1),
            image(data, height=1),
            image(data, thumbnail=""),
            file(data, name="a"),
            file(data, name="b"),
            file(data, name="b", mime_type="text/plain"),
            audio(data),
            video(data),
        )
    ]
    found = [await upload.fingerprint() for upload in uploads]
    assert len(set(found)) == len(found)
    assert all(len(one) == 32 for one in found)
    assert found[0] == await image(data, width=None).fingerprint()


# What was said


async def test_what_was_said_stands(stored: Stored) -> None:
    content = await image(
        b"anything", mime_type="image/x-own", width=3, height=4, thumbnail="QUJD"
    ).content(stored, encrypt=False)
    assert (content.mime_type, content.width, content.height) == ("image/x-own", 3, 4)
    assert content.thumbnail == "QUJD"
    bare = await image(picture("PNG"), width=1, thumbnail="").content(stored, encrypt=False)
    assert (bare.width, bare.height, bare.thumbnail) == (1, 480, None)


async def test_what_would_be_refused_is_not_uploaded(stored: Stored) -> None:
    with pytest.raises(ContentError, match="width"):
        await image(picture("PNG"), width=-1).content(stored, encrypt=False)
    with pytest.raises(ContentError, match="name"):
        await file(b"x", name="n" * 1000).content(stored, encrypt=False)
    assert not stored.uploads


# Broken and hostile files


def png_of(width: int, height: int) -> bytes:
    """Make a small PNG whose head claims this size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_000, 12_000, 60_000])
async def test_a_decompression_bomb_is_refused(stored: Stored, side: int) -> None:
    with pytest.raises(MediaError, match=r"pixels.*or in Python pass width=, height=, thumbnail="):
        await image(png_of(side, side)).content(stored, encrypt=False)
    content = await image(png_of(side, side), width=side, height=side, thumbnail="").content(
        stored, encrypt=False
    )
    assert content.width == side


async def test_broken_files_are_named(stored: Stored, tmp_path: Path) -> None:
    whole = {"image": picture("JPEG"), "video": clip(), "audio": sound()}
    for name, make in (("image", image), ("video", video), ("audio", audio)):
        for data in (b"nonsense" * 100, PDF, whole[name][:60]):
            with pytest.raises(MediaError, match="pass "):
                await make(data).content(stored, encrypt=False)
    with pytest.raises(MediaError, match="no audio"):
        await audio(clip()).content(stored, encrypt=False)
    with pytest.raises(MediaError, match="no video"):
        await video(sound()).content(stored, encrypt=False)
    assert not stored.uploads


@pytest.mark.parametrize("rate", [0, 100, 788_577_152])
async def test_an_absurd_sample_rate_costs_nothing(stored: Stored, rate: int) -> None:
    data = bytearray(sound("wav", 0.1))
    data[24:28] = rate.to_bytes(4, "little")
    with pytest.raises(MediaError, match=r"samples a second|cannot be read"):
        await audio(data).content(stored, encrypt=False)


async def test_damaged_files_raise_nothing_else(stored: Stored) -> None:
    dice = random.Random(7)
    whole = ((image, picture("PNG", (60, 40))), (image, picture("GIF", (60, 40))))
    for make, data in (*whole, (image, oriented(6)), (video, clip()), (audio, sound(seconds=0.3))):
        for _ in range(25):
            damaged = bytearray(data)
            for _ in range(dice.randint(1, 30)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            with suppress(MediaError, ContentError):
                await cast("Upload[Media]", make(damaged)).content(stored, encrypt=False)


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile {path}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n",
    ],
)
async def test_a_playlist_opens_nothing(stored: Stored, tmp_path: Path, playlist: str) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip())
    data = playlist.format(path=secret).encode()
    with pytest.raises(MediaError, match="cannot be read"):
        await video(data, mime_type="video/mp4").content(stored, encrypt=False)


async def test_only_formats_that_hold_their_streams_themselves_are_opened(stored: Stored) -> None:
    assert (await video(clip(kind="matroska")).content(stored, encrypt=False)).duration == 2000
    with pytest.raises(MediaError, match="cannot be read"):
        await video(clip(kind="nut"), mime_type="video/nut").content(stored, encrypt=False)


# Without the extra


@pytest.mark.usefixtures("no_extra")
async def test_without_the_extra_errors_say_what_to_pass(stored: Stored) -> None:
    for upload, words in (
        (image(b"x"), r"width, height: .*blazebot\[media\].* pass width=, height=$"),
        (image(b"x", width=1), "^height: .* pass height=$"),
        (video(b"x", width=1, height=1), "^duration: .* pass duration=$"),
        (audio(b"x"), "^duration: .* pass duration=$"),
    ):
        with pytest.raises(MediaError, match=words):
            await cast("Upload[Media]", upload).content(stored, encrypt=False)
    assert not stored.uploads


@pytest.mark.usefixtures("no_extra")
async def test_without_the_extra_what_was_said_suffices(stored: Stored, tmp_path: Path) -> None:
    content = await image(b"\x89PNG\r\n\x1a\n", width=6, height=4).content(stored, encrypt=False)
    assert (content.mime_type, content.width, content.thumbnail) == ("image/png", 6, None)
    path = tmp_path / "a.mp4"
    path.write_bytes(b"unknown")
    clip = await video(path, width=6, height=4, duration=8).content(stored, encrypt=False)
    assert (clip.mime_type, clip.duration) == ("video/mp4", 8)
    voice = await audio(b"OggS", duration=8).content(stored, encrypt=False)
    assert (voice.mime_type, voice.waveform) == ("audio/ogg", None)
    assert (await file(PDF, name="a").content(stored, encrypt=False)).mime_type == "application/pdf"
    with pytest.raises(MediaError, match=r"application/pdf, which is not image; .* mime_type=$"):
        await image(PDF, width=6, height=4).content(stored, encrypt=False)
    with pytest.raises(MediaError, match="unknown, which is not audio"):
        await audio(b"?", duration=8).content(stored, encrypt=False)


def test_nothing_of_the_extra_is_imported_before_it_is_used() -> None:
    code = "import sys, blazebot.media; print({'PIL', 'av'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_a_failed_upload_comes_through(stored: Stored) -> None:
    class Failing(Stored):
        async def upload(self, *arguments: object, **settings: object) -> UploadedAttachment:
            raise AttachmentError("refused")

    with pytest.raises(AttachmentError, match="refused"):
        await file(b"x", name="a").content(Failing(), encrypt=False)
