"""Attachments: created, uploaded without a token, and read again (section 9)."""

from __future__ import annotations

from typing import Any, Final

from blazebot.conformance.check import check
from blazebot.conformance.expectations import data_of, expect, refused
from blazebot.conformance.shapes import ATTACHMENT, expect_shape
from blazebot.conformance.trial import WORDS, Trial, new_id

_PATH: Final = "/attachments"
_BYTES: Final = WORDS.encode() + bytes(range(256))
_UPLOAD_HEADERS: Final = {
    "Content-Type": "application/octet-stream",
    "x-amz-acl": "public-read",
}


@check("9 [D][C]")
async def attachment_created(trial: Trial) -> None:
    """POST /attachments answers where to upload, for a body that is empty, {} or blank."""
    blank = {"type": "", "attachment_id": "", "upload_url": "", "view_url": "", "created_at": None}
    for body in (None, {}, blank):
        attachment = data_of(await trial.bot.post(_PATH, body))
        expect_shape("attachment", attachment, ATTACHMENT)
        expect(attachment["upload_url"], "upload_url is empty")


@check("9 [D][C]")
async def attachment_uploaded(trial: Trial) -> None:
    """A PUT without a token to upload_url is answered with HTTP 200, and view_url has the bytes."""
    attachment = await _upload(trial)
    view = await trial.bot.service.call("GET", attachment["view_url"])
    expect(view.status == 200, f"GET of view_url: HTTP {view.status}")
    expect(view.text == _BYTES, "view_url has other bytes")


@check("9 [D]")
async def attachment_shown(trial: Trial) -> None:
    """GET /attachments/:id tells the view_url of what was uploaded."""
    attachment = await _upload(trial)
    shown = data_of(await trial.bot.get(f"{_PATH}/{attachment['attachment_id']}"))
    expect_shape("attachment", shown, ATTACHMENT)
    expect(shown["attachment_id"] == attachment["attachment_id"], "it tells another attachment")


@check("9 [D]")
async def attachment_unknown(trial: Trial) -> None:
    """An attachment that there is not is answered with 404."""
    refused(await trial.bot.get(f"{_PATH}/{new_id()}"), 404)


async def _upload(trial: Trial) -> dict[str, Any]:
    attachment: dict[str, Any] = data_of(await trial.bot.post(_PATH))
    # The address holds a secret, so it is not shown.
    status = (
        await trial.bot.service.call("PUT", attachment["upload_url"], _BYTES, _UPLOAD_HEADERS)
    ).status
    expect(status == 200, f"PUT to upload_url: HTTP {status}")
    return attachment
