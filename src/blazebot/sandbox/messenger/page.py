"""Serves the Messenger: its page at ``/``, and the files that the page is made of.

The page runs no script but these files: what bots send cannot run, whatever the page's own code
makes of it. From elsewhere it loads nothing but pictures and streams, each after a click on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aiohttp import web

__all__ = ["MESSENGER_PREFIX", "messenger_routes", "serve_page"]

MESSENGER_PREFIX: Final = "/messenger"
"""Where the page's files are. The service has no such path."""

_STATIC: Final = Path(__file__).parent / "static"
_SEGMENT: Final = "[a-z0-9_]{1,64}"
"""A folder or a file without its ending: no dot, so no way out of the folder."""

_FOLDERS_MOST: Final = 4

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_MARK: Final = "<!-- modules -->"

_POLICY: Final = (
    "default-src 'self'; img-src 'self' blob: data: https:; media-src 'self' blob: https:; "
    "object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-cache",  # kept, and asked for again by its ETag
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def messenger_routes() -> list[web.RouteDef]:
    """Return the routes of the page's files; :func:`serve_page` is the page itself."""
    name = f"(?:{_SEGMENT}/){{0,{_FOLDERS_MOST}}}{_SEGMENT}\\.[a-z]{{1,4}}"
    return [web.get(f"{MESSENGER_PREFIX}/{{name:{name}}}", _serve_file)]


async def serve_page(request: web.Request) -> web.Response:
    """Answer with the page, which tells the browser of all its modules at once."""
    page = (_STATIC / "index.html").read_text(encoding="utf-8")
    links = "".join(f'<link rel="modulepreload" href="{path}">\n' for path in _modules())
    return _answer(request, page.replace(_MARK, links).encode(), "text/html")


async def _serve_file(request: web.Request) -> web.Response:
    path = _STATIC / request.match_info["name"]
    if path.suffix not in _TYPES or not path.is_file():
        raise web.HTTPNotFound(text="The Messenger has no such file.\n")
    return _answer(request, path.read_bytes(), _TYPES[path.suffix])


def _modules() -> Iterator[str]:
    """Yield the addresses of the scripts that every visit needs: all but the languages."""
    for path in sorted(_STATIC.rglob("*.js")):
        name = path.relative_to(_STATIC)
        if "locales" not in name.parts:
            yield f"{MESSENGER_PREFIX}/{name.as_posix()}"


def _answer(request: web.Request, body: bytes, kind: str) -> web.Response:
    tag = hashlib.sha256(body).hexdigest()[:32]
    known = request.if_none_match or ()
    if any(one.value == tag for one in known):
        return web.Response(status=304, headers=_HEADERS | {"ETag": f'"{tag}"'})
    return web.Response(
        body=body, content_type=kind, charset="utf-8", headers=_HEADERS | {"ETag": f'"{tag}"'}
    )
