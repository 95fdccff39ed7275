"""Attachments over HTTP: the REST calls, and the addresses for the bytes, which need no token.

    POST /attachments                     -> upload_url, view_url
    PUT  /upload/ATTACHMENT_ID/SECRET     the bytes; exactly 200 [D][C]
    GET  /view/ATTACHMENT_ID              the bytes, or a range of them

Nothing that somebody uploads can run as a page of the sandbox: it is shown as bytes of no kind,
to be saved, in a document without rights.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import web

from blazebot.errors import ServiceError
from blazebot.http_server import FileResponse
from blazebot.sandbox.answers import refusal
from blazebot.sandbox.clocks import timestamp
from blazebot.sandbox.rest.calls import Call, Endpoints
from blazebot.sandbox.rules.attachments import Attachment, Attachments
from blazebot.sandbox.rules.refusals import bad_request, broken
from blazebot.sandbox.wire_log import WireLog

__all__ = ["AttachmentEndpoints", "origin_of", "upload_chunks", "view_url"]

logger = logging.getLogger("blazebot.sandbox")

_SAFE: Final = {
    "Content-Type": "application/octet-stream",
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-site",
}


class AttachmentEndpoints:
    """The endpoints of attachments."""

    def __init__(self, attachments: Attachments, log: WireLog) -> None:
        self._attachments = attachments
        self._log = log

    def endpoints(self) -> Endpoints:
        """Return what is called with a token."""
        return {
            ("POST", "/attachments"): self._create,
            ("GET", "/attachments/:id"): self._show,
        }

    def routes(self) -> list[web.RouteDef]:
        """Return what is called without a token."""
        return [
            web.put("/upload/{id}/{secret}", self._upload),
            web.get("/view/{id}", self._view),  # HEAD too
        ]

    async def note(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let the wire log know of a call for bytes that is about to be answered: its sizes."""
        if request.path.startswith(("/upload/", "/view/")):
            self._log.call(
                "",
                request.method,
                request.raw_path,
                request=b"",
                status=response.status,
                answer=b"",
                sizes=(request.content_length or 0, response.content_length or 0),
                seconds=0.0,
            )

    async def _create(self, call: Call) -> Any:
        # The body says nothing: it is empty, {} or has blank fields [C].
        attachment, secret = self._attachments.create(call.user.user_id)
        upload_url = f"{call.origin}/upload/{attachment.attachment_id}/{secret}"
        return {"data": _document(attachment, call.origin, upload_url)}

    async def _show(self, call: Call) -> Any:
        (attachment_id,) = call.parameters
        # Who may read it may not upload it.
        return {"data": _document(self._attachments.find(attachment_id), call.origin, "")}

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        try:
            attachment = self._attachments.admit(
                request.match_info["id"], request.match_info["secret"], request.content_length
            )
            await self._attachments.upload(attachment, upload_chunks(request))
        except ServiceError as error:
            return refusal(error)
        except Exception:
            logger.exception("an upload failed")
            return refusal(broken())
        return web.Response()

    async def _view(self, request: web.Request) -> web.StreamResponse:
        try:
            path = self._attachments.path(request.match_info["id"])
        except ServiceError as error:
            return refusal(error)
        return FileResponse(path, headers=_SAFE)  # ranges, ETag and conditions


async def upload_chunks(request: web.Request) -> AsyncIterator[bytes]:
    """Yield a request's body as it comes, without a limit and never all at once.

    Raises:
        ServiceError: 400, it broke off.
    """
    try:
        async for chunk in request.content.iter_any():
            yield chunk
    except (ConnectionError, web.RequestPayloadError):
        raise bad_request("the upload broke off; nothing of it is kept") from None


def origin_of(request: web.Request) -> str:
    """Return how a client addressed the sandbox, for the addresses that it is given."""
    return f"{request.scheme}://{request.host}"


def view_url(attachment_id: str, origin: str) -> str:
    """Return where an attachment's bytes are read."""
    return f"{origin}/view/{attachment_id}"


def _document(attachment: Attachment, origin: str, upload_url: str) -> dict[str, Any]:
    return {
        "type": "attachment",
        "attachment_id": attachment.attachment_id,
        "upload_url": upload_url,
        "view_url": view_url(attachment.attachment_id, origin),
        "created_at": timestamp(attachment.created_at),
    }
