"""Searching finds pages of the reader's language: each language gets an index of its own.

The theme looks for the index below the page's ``base``, which for a translated page so becomes the
root of its language.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.pages import Page

_INDEX: Final = "search/search_index.json"
_BASE: Final = re.compile(r'(?<="base": ")[./]+(?=")')
_DOCSTRING: Final = re.compile(r"api/\w+/#blazebot\.")
_LAST: Final = -200  # the index is written at -100, by what builds the languages


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Lead a translated page to the index of its language."""
    if not page.url.startswith(tuple(_folders(config))):
        return output
    return _BASE.sub(_nearer, output, count=1)


@event_priority(_LAST)
def on_post_build(*, config: MkDocsConfig) -> None:
    """Divide the index; after the last language it has the pages of all."""
    site = Path(config.site_dir)
    whole = json.loads((site / _INDEX).read_text())
    folders = _folders(config)
    english = _below("", [one for one in whole["docs"] if not _is_below(one, *folders)])
    # Docstrings are the same in all languages, and the index has what is the same only once.
    docstrings = {path: one for path, one in english.items() if _DOCSTRING.match(path)}
    _write(site / _INDEX, whole, english)
    for folder in folders:
        own = _below(folder, [one for one in whole["docs"] if _is_below(one, folder)])
        _write(site / folder / _INDEX, whole, own | docstrings)  # a page before its parts


def _nearer(base: re.Match[str]) -> str:
    """Return the relative address of the folder below the root that this one leads to."""
    return base[0].removesuffix("..").removesuffix("/") or "."


def _folders(config: MkDocsConfig) -> list[str]:
    """Where the translations are."""
    i18n: Any = config.plugins["i18n"]
    return [f"{one.locale}/" for one in i18n.config.languages if not one.default]


def _is_below(entry: dict[str, str], *folders: str) -> bool:
    return entry["location"].startswith(folders)


def _below(folder: str, entries: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return entries by their places in ``folder``, as which they are now known."""
    places = (one["location"].removeprefix(folder) for one in entries)
    return {place: one | {"location": place} for place, one in zip(places, entries, strict=True)}


def _write(path: Path, whole: dict[str, Any], entries: dict[str, dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    index = whole | {"docs": list(entries.values())}
    path.write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")))
