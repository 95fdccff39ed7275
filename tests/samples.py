"""Real files to send: a picture, a video, a voice message, a document, each made here."""

from __future__ import annotations

import io
import math
from array import array
from collections.abc import Callable
from fractions import Fraction
from typing import cast

import av
from PIL import Image as Pillow

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def picture(kind: str, size: tuple[int, int] = (640, 480), **options: object) -> bytes:
    image = Pillow.effect_noise(size, 90).convert("RGB")
    image.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def oriented(orientation: int) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return picture("JPEG", exif=exif)


def clip(rotation: int = 0, size: tuple[int, int] = (320, 180), kind: str = "mp4") -> bytes:
    """Make a video of 2 s."""
    made = io.BytesIO()
    from_image: Callable[[Pillow.Image], av.VideoFrame] = av.VideoFrame.from_image
    with av.open(made, "w", format=kind) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(20):
            picture = Pillow.new("RGB", size, (200, 10 * number, 0))
            frame = from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()


def sound(kind: str = "ogg", seconds: float = 2.0) -> bytes:
    """Make audio that is silent, then loud."""
    made = io.BytesIO()
    rate = 48000
    with av.open(made, "w", format=kind) as container:
        codec = {"ogg": "libopus", "wav": "pcm_s16le"}[kind]
        stream = cast("av.AudioStream", container.add_stream(codec, rate=rate))
        count = int(rate * seconds)
        samples = array(
            "h", (int(20000 * math.sin(n / 20)) if n > count // 2 else 0 for n in range(count))
        )
        for start in range(0, count, 960):
            part = samples[start : start + 960]
            frame = av.AudioFrame(format="s16", layout="mono", samples=len(part))
            frame.planes[0].update(part.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()
