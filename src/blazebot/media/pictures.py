"""Pictures by Pillow: type, dimensions as they are seen, thumbnail. Blocking."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from blazebot.errors import MediaError
from blazebot.wire.base64 import encode_padded_base64

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["PIXELS_LIMIT", "Picture", "read_picture", "thumbnail_of"]

PIXELS_LIMIT: Final = 36_000_000
"""Pixels of a picture or video that are decoded for a thumbnail: 150 MB at most (ours)."""

_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")  # none runs a program
_SIDE: Final = 100  # pixels
_THUMBNAIL_BYTES: Final = 4096
_QUALITIES: Final = (70, 50, 30, 15)

_ORIENTATION: Final = 0x0112  # EXIF
_TURNED: Final = (5, 6, 7, 8)  # on their side


class Picture(NamedTuple):
    """``width`` and ``height`` are in pixels, ``thumbnail`` is a small JPEG in padded base64."""

    mime_type: str
    width: int
    height: int
    thumbnail: str


def read_picture(file: BinaryIO) -> Picture:
    """Return what there is to say of a picture, turned upright as its EXIF data asks.

    Raises:
        ModuleNotFoundError: Pillow is not installed.
        MediaError: it is broken, of an unknown kind, or has too many pixels.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - an optional extra

    file.seek(0)
    try:
        with Image.open(file, formats=_FORMATS) as image:
            mime_type = Image.MIME[image.format or ""]
            width, height = image.size
            image.draft("RGB", (2 * _SIDE, 2 * _SIDE))  # a JPEG needs not be decoded in full
            if image.width * image.height > PIXELS_LIMIT:
                raise MediaError(
                    f"the picture has {width} x {height} pixels; up to {PIXELS_LIMIT} are examined"
                )
            image.thumbnail((2 * _SIDE, 2 * _SIDE))
            if image.getexif().get(_ORIENTATION) in _TURNED:
                width, height = height, width
            return Picture(mime_type, width, height, thumbnail_of(ImageOps.exif_transpose(image)))
    except MediaError:
        raise
    except Exception as error:  # its decoders raise of every kind where bytes are broken
        raise MediaError(f"the picture cannot be read: {error}") from None


def thumbnail_of(image: Image) -> str:
    """Return a JPEG of at most 100 pixels on its longer side and about 4 KB, in padded base64."""
    from PIL import Image  # noqa: PLC0415 - an optional extra

    image.thumbnail((_SIDE, _SIDE))
    flat = Image.new("RGB", image.size, "white")
    opaque = image.convert("RGBA")
    flat.paste(opaque, mask=opaque)
    data = b""
    for quality in _QUALITIES:
        jpeg = io.BytesIO()
        flat.save(jpeg, "JPEG", quality=quality)
        data = jpeg.getvalue()
        if len(data) <= _THUMBNAIL_BYTES:
            break
    return encode_padded_base64(data)
