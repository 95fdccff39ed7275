"""What type a file has, by its first bytes and by its name."""

from __future__ import annotations

import mimetypes
from pathlib import PurePath
from typing import BinaryIO, Final

__all__ = ["UNKNOWN", "by_bytes", "by_name"]

UNKNOWN: Final = "application/octet-stream"
"""The type of what has none that is known."""

_HEAD: Final = 64

_SIGNATURES: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftyp", "{family}/mp4"),
    (0, b"OggS", "{family}/ogg"),
    (0, b"\x1aE\xdf\xa3", "{family}/webm"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
)

# Python knows these only where the system has a table of types.
_ENDINGS: Final = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mkv": "video/x-matroska",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ogg": "audio/ogg",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def by_bytes(file: BinaryIO, family: str = "application") -> str | None:
    """Return the type of a file by its first bytes, or None.

    ``family`` (``video``, ``audio``) is that of containers which hold either.
    """
    file.seek(0)
    head = file.read(_HEAD)
    for offset, signature, mime_type in _SIGNATURES:
        if head.startswith(signature, offset):
            if signature == b"\x1aE\xdf\xa3" and b"webm" not in head:
                return f"{family}/x-matroska"  # the same container, told by its document type
            return mime_type.format(family=family)
    return None


def by_name(name: str | None) -> str | None:
    """Return the type of a file by the ending of its name, or None."""
    known = _ENDINGS.get(PurePath(name or "").suffix.lower())
    if known is not None:
        return known
    mime_type, encoding = mimetypes.guess_type(name or "", strict=False)
    return None if encoding else mime_type
