"""Pictures of users over HTTP: ``GET /avatars/AVATAR_ID``, which needs no token.

The bytes behind an id never change. A picture is shown as what its first bytes say that it is, and
as nothing else.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from blazebot.errors import ServiceError
from blazebot.http_server import FileResponse
from blazebot.sandbox.answers import refusal
from blazebot.sandbox.rules.avatars import Avatars

__all__ = ["AvatarPictures"]

_HEADERS: Final = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


class AvatarPictures:
    """Serves the pictures."""

    def __init__(self, avatars: Avatars) -> None:
        self._avatars = avatars

    def routes(self) -> list[web.RouteDef]:
        """Return what is called."""
        return [web.get("/avatars/{id}", self._show)]  # HEAD too

    async def _show(self, request: web.Request) -> web.StreamResponse:
        try:
            avatar = self._avatars.find(request.match_info["id"])
        except ServiceError as error:
            return refusal(error)
        headers = {**_HEADERS, "Content-Type": avatar.media_type}
        return FileResponse(avatar.path, headers=headers)
