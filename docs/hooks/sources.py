"""Marks of where a fact is known from may stand side by side: [D][C] is no link."""

from __future__ import annotations

import re
from typing import Any

from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor
from mkdocs.config.defaults import MkDocsConfig

_MARK = r"\[[SDCA]\](?=\[[SDCA]\])"
_BEFORE_LINKS = 185  # and after code, which is 190


class _Marks(InlineProcessor):
    def handleMatch(  # type: ignore[override]  # text is as good as an element
        self, m: re.Match[str], data: str
    ) -> tuple[str, int, int]:
        return m[0], m.start(), m.end()


class _Sources(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.inlinePatterns.register(_Marks(_MARK, md), "sources", _BEFORE_LINKS)


def on_config(config: MkDocsConfig, **_: Any) -> None:
    """Let pages and docstrings have them."""
    if not any(isinstance(one, _Sources) for one in config.markdown_extensions):
        config.markdown_extensions.append(_Sources())  # type: ignore[arg-type]  # or its name
