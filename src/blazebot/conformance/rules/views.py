"""Messages as they are pushed to a bot (sections 5 and 10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import expect
from blazebot.conformance.shapes import VIEW, expect_shape
from blazebot.conformance.trial import Trial, new_id
from blazebot.wire.frames import CREATE_MESSAGE

_LINE_AND_PERSON = Need.LINE | Need.PERSON
_SKEW = timedelta(minutes=5)


@check("10 [C]", needs=_LINE_AND_PERSON)
async def view_complete(trial: Trial) -> None:
    """A view has exactly its 16 fields, of their types, empty rather than null or absent."""
    view = await _said(trial)
    expect_shape("view", view, VIEW)
    further = set(view) - set(VIEW)
    expect(not further, f"the view has further fields: {', '.join(sorted(further))}")


@check("5 [S]", needs=_LINE_AND_PERSON)
async def view_true(trial: Trial) -> None:
    """A view tells who has sent what, where."""
    quoted = new_id()
    view = await _said(trial, quote_message_id=quoted)
    for field, value in {
        "user_id": trial.person.user_id,
        "conversation_id": trial.conversation_id,
        "category": "PLAIN_TEXT",
        "quote_message_id": quoted,
        "status": "SENT",
    }.items():
        expect(view.get(field) == value, f"{field} is {view.get(field)!r}, not {value!r}")


@check("10 [C]", needs=_LINE_AND_PERSON)
async def view_base64(trial: Trial) -> None:
    """In a view data is padded standard base64, and data_base64 unpadded base64url."""
    view = await _said(trial, text=">>>???!")
    for field, value in {"data": "Pj4+Pz8/IQ==", "data_base64": "Pj4-Pz8_IQ"}.items():
        expect(view.get(field) == value, f"{field} is {view.get(field)!r}, not {value!r}")


@check("10 [C]", needs=_LINE_AND_PERSON)
async def view_re_encoded(trial: Trial) -> None:
    """A view never holds its sender's own base64."""
    message_id = await trial.person.send("PLAIN_TEXT", b"", data_base64="Pj4-\nPz8_IQ==")
    async with trial.bot.line() as line:
        view = await line.view(message_id)
    expect(view.get("data_base64") == "Pj4-Pz8_IQ", f"data_base64 is {view.get('data_base64')!r}")


@check("10 [C]", needs=_LINE_AND_PERSON)
async def view_times(trial: Trial) -> None:
    """A view's times are valid, and now."""
    view = await _said(trial)
    for field in ("created_at", "updated_at"):
        off = abs(datetime.fromisoformat(str(view.get(field))) - datetime.now(UTC))
        expect(off < _SKEW, f"{field} is {view.get(field)}")


@check("5 [C]", needs=_LINE_AND_PERSON)
async def view_source(trial: Trial) -> None:
    """What was pending has the source LIST_PENDING_MESSAGES, what comes later CREATE_MESSAGE."""
    pending = await trial.person.say("pending")
    async with trial.bot.line() as line:
        sources = [(await line.view(pending)).get("source")]
        sources.append((await line.view(await trial.person.say("live"))).get("source"))
    expect(sources == ["LIST_PENDING_MESSAGES", CREATE_MESSAGE], f"the sources are {sources}")


async def _said(trial: Trial, text: str = "hi", **fields: Any) -> dict[str, Any]:
    """Return the view of what the person says to the bot."""
    message_id = await trial.person.say(text, **fields)
    async with trial.bot.line() as line:
        view = await line.view(message_id)
        await line.acknowledge(message_id)
    return view
