"""For assistants: ``llms.txt``, a table of the English pages, and ``llms-full.txt``, their text.

The pages made from docstrings are in the table only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.nav import Navigation, Section
from mkdocs.structure.pages import Page

_CODE = re.compile(r"^```.*?^```$|^    .*?$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")

_english: dict[str, str] = {}


def on_nav(nav: Navigation, *, config: MkDocsConfig, **_: Any) -> None:
    """Write both for the English pages, as the navigation orders them."""
    if not _is_english(config):
        return
    table = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    full = []
    for item in nav.items:
        section = item.title if isinstance(item, Section) else "Start"
        table += [f"## {section}", ""]
        for page in _pages(item):
            text = Path(page.file.abs_src_path or "").read_text()
            table.append(f"- [{_title(text)}]({page.url or './'}): {_summary(text)}")
            if "\n::: " not in text:
                full.append(text.strip())
        table.append("")
    _english["llms.txt"] = "\n".join(table)
    _english["llms-full.txt"] = "\n\n---\n\n".join(full) + "\n"


def on_post_build(*, config: MkDocsConfig, **_: Any) -> None:
    """Put them at the root of the site."""
    if _is_english(config):
        for name, text in _english.items():
            Path(config.site_dir, name).write_text(text)


def _summary(text: str) -> str:
    """Return the first sentence of a page."""
    for paragraph in _CODE.sub("", text).split("\n\n"):
        plain = " ".join(_LINK.sub(r"\1", paragraph).split())
        if plain and plain[0] not in "#<|!-:`":
            return re.split(r"(?<=\.)\s|:$", plain)[0]
    return ""


def _is_english(config: MkDocsConfig) -> bool:
    # The site is built once for each language.
    i18n: Any = config.plugins["i18n"]
    return bool(i18n.current_language == "en")


def _title(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ")


def _pages(item: Any) -> list[Page]:
    if isinstance(item, Page):
        return [item]
    return [page for child in getattr(item, "children", None) or () for page in _pages(child)]
