"""Pictures that come in light and dark follow the colours of the site, not only of the system.

Pages show them by ``<picture>``, which any reader of Markdown understands; here it becomes two
pictures, of which the theme shows one. Paths in HTML are made to lead from the page, which mkdocs
does for Markdown alone.
"""

from __future__ import annotations

import re
from typing import Any

from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

_PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<alt>[^"]*)" src="(?P<light>[^"]+)">\s*</picture>'
)
_BOTH = (
    r'<img alt="\g<alt>" src="\g<light>#only-light">'
    r'<img alt="\g<alt>" src="\g<dark>#only-dark">'
)
_SOURCE = re.compile(r'(<img [^>]*\bsrc=")((?:\.\./)*pictures/)')


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Return the page with its pictures for the site."""
    pictures = get_relative_url("pictures/", page.url)
    return _SOURCE.sub(rf"\g<1>{pictures}", _PICTURE.sub(_BOTH, markdown))
