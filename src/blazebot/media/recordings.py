"""Videos and audio by PyAV: dimensions, duration, thumbnail, waveform. Blocking."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from blazebot.errors import MediaError
from blazebot.media.pictures import PIXELS_LIMIT, thumbnail_of
from blazebot.wire.base64 import encode_padded_base64

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

__all__ = ["LEVELS", "Clip", "Sound", "read_audio", "read_video"]

LEVELS: Final = 63
"""Levels of a waveform, 0 to 255 each, as the phones' voice messages have [C]."""

_LONGEST: Final = 3600  # seconds of audio that are decoded for a waveform
_RATE: Final = 8000
_RATES: Final = range(4000, 768_001)  # of what is decoded; others cost without bound
_WINDOW: Final = 80  # samples of one peak: 10 ms

# Those that hold their streams themselves. Playlists would open other files and addresses.
_FORMATS: Final = "mov,matroska,ogg,mp3,wav,flac,aac,avi,mpegts,mpeg,amr,flv,asf,caf,aiff,gif"

_SIDE: Final = 200  # pixels of a frame before it becomes a thumbnail


class Clip(NamedTuple):
    """``width`` and ``height`` are in pixels as shown, ``duration`` in milliseconds."""

    width: int
    height: int
    duration: int
    thumbnail: str


class Sound(NamedTuple):
    """``duration`` is in milliseconds; ``waveform`` is padded base64 of 63 levels, or None."""

    duration: int
    waveform: str | None


def read_video(file: BinaryIO) -> Clip:
    """Return what there is to say of a video; the thumbnail is its first frame.

    Raises:
        ModuleNotFoundError: PyAV or Pillow is not installed.
        MediaError: it is broken, of an unknown kind, or has too many pixels.
    """
    from av.stream import Disposition  # noqa: PLC0415 - an optional extra

    with _opened(file, "video") as container:
        streams = [
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic  # the cover of a song
        ]
        if not streams:
            raise MediaError("the file has no video in it")
        stream = streams[0]
        if stream.width * stream.height > PIXELS_LIMIT:
            raise MediaError(
                f"the video has {stream.width} x {stream.height} pixels; up to {PIXELS_LIMIT} are "
                "examined"
            )
        stream.codec_context.thread_count = 1  # one frame is wanted: no memory for more
        frame = next(container.decode(stream), None)
        if frame is None:
            raise MediaError("the video has no frame that can be read")
        width, height = frame.width, frame.height
        thumbnail = _thumbnail(frame)
        if frame.rotation % 180:
            width, height = height, width
        return Clip(width, height, _duration(container, stream), thumbnail)


def read_audio(file: BinaryIO) -> Sound:
    """Return what there is to say of audio; beyond an hour it gets no waveform.

    Raises:
        ModuleNotFoundError: PyAV is not installed.
        MediaError: it is broken, or of an unknown kind.
    """
    with _opened(file, "audio") as container:
        if not container.streams.audio:
            raise MediaError("the file has no audio in it")
        stream = container.streams.audio[0]
        known = container.duration
        if known is not None and known > _LONGEST * 1_000_000:
            return Sound(known // 1000, None)
        if stream.rate not in _RATES:
            raise MediaError(f"the audio has {stream.rate} samples a second")
        peaks, samples = _peaks(container, stream)
        if not samples:
            raise MediaError("the audio has no sound that can be read")
        duration = samples * 1000 // _RATE if known is None else round(known / 1000)
        return Sound(duration, encode_padded_base64(_levels(peaks)))


@contextmanager
def _opened(file: BinaryIO, what: str) -> Iterator[InputContainer]:
    import av  # noqa: PLC0415 - an optional extra

    file.seek(0)
    try:
        with av.open(file, "r", container_options={"format_whitelist": _FORMATS}) as container:
            yield container
    except (MediaError, ModuleNotFoundError):
        raise
    except Exception as error:  # its decoders raise of many kinds where bytes are broken
        raise MediaError(f"the {what} cannot be read: {error}") from None


def _thumbnail(frame: VideoFrame) -> str:
    shrink = max(1, max(frame.width, frame.height) // _SIDE)
    small = frame.reformat(
        width=max(1, frame.width // shrink), height=max(1, frame.height // shrink), format="rgb24"
    )
    to_image: Callable[[], Image] = small.to_image
    return thumbnail_of(to_image().rotate(frame.rotation, expand=True))


def _duration(container: InputContainer, stream: VideoStream) -> int:
    """Return the milliseconds of a video; where its head does not say, by its last packet."""
    if container.duration is not None:
        return round(container.duration / 1000)
    if stream.duration is not None and stream.time_base is not None:
        return round(stream.duration * stream.time_base * 1000)
    container.seek(0)
    end = Fraction(0)
    for packet in container.demux(stream):
        if packet.pts is not None and packet.time_base is not None:
            end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    return round(end * 1000)


def _peaks(container: InputContainer, stream: AudioStream) -> tuple[array[int], int]:
    """Return the peak of each 10 ms, and how many samples there are at 8 kHz."""
    from av import AudioResampler  # noqa: PLC0415 - an optional extra

    resampler = AudioResampler(format="s16", layout="mono", rate=_RATE)
    peaks = array("H")
    samples = 0
    rest = array("h")
    for frame in container.decode(stream):
        for resampled in resampler.resample(frame):
            found = array("h", bytes(resampled.planes[0])[: 2 * resampled.samples])
            samples += len(found)
            rest += found
            whole = len(rest) - len(rest) % _WINDOW
            for start in range(0, whole, _WINDOW):
                peaks.append(_peak(rest[start : start + _WINDOW]))
            del rest[:whole]
        if samples > _LONGEST * _RATE:
            raise MediaError(f"the audio is longer than {_LONGEST} s, and does not say how long")
    if rest:
        peaks.append(_peak(rest))
    return peaks, samples


def _peak(samples: array[int]) -> int:
    high, low = max(samples), min(samples)
    return max(high, -low)


def _levels(peaks: array[int]) -> bytes:
    """Return the loudest peak of each of 63 equal parts, the loudest of all being 255."""
    loudest = max(peaks) or 1
    bounds = [part * len(peaks) // LEVELS for part in range(LEVELS + 1)]
    return bytes(
        max(peaks[start : max(end, start + 1)]) * 255 // loudest for start, end in pairwise(bounds)
    )
