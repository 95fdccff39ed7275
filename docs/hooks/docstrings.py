"""The reference from docstrings: names in them as code, and no labels that say nothing."""

from __future__ import annotations

import re
from typing import Any

_ROLE = re.compile(r":(?:attr|class|func|meth):<code>(?:~[\w.]*\.)?([\w.]+)</code>")
_LABEL = re.compile(
    r'<small class="doc doc-label doc-label-(?:class|instance)-attribute"><code>.*?</small>'
)


def on_page_content(html: str, **_: Any) -> str:
    """Return the page with :class:`~blazebot.Bot` as code: Bot."""
    return _LABEL.sub("", _ROLE.sub(r"<code>\1</code>", html))
