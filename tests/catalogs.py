"""Catalogs of translated texts, without the tools that make them."""

from __future__ import annotations

import struct
from pathlib import Path


def write_catalog(directory: Path, language: str, texts: dict[str, str]) -> None:
    """Write a gettext catalog in its binary form."""
    texts = {
        "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=1; plural=0;\n"
    } | texts
    ids = [one.encode() for one in sorted(texts)]
    words = [texts[one].encode() for one in sorted(texts)]
    end_of_tables = 28 + 16 * len(ids)
    tables, body = [], b""
    for group in (ids, words):
        for one in group:
            tables.append((len(one), end_of_tables + len(body)))
            body += one + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, len(ids), 28, 28 + 8 * len(ids), 0, 0)
    path = directory / language / "LC_MESSAGES" / "messages.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(header + b"".join(struct.pack("<2I", *one) for one in tables) + body)
