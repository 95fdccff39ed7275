"""What a bot may send, one by one and in batches, by line and by REST (sections 4, 5 and 9)."""

from __future__ import annotations

from typing import Any

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import data_of, expect, refused, refused_frame
from blazebot.conformance.shapes import is_time
from blazebot.conformance.trial import WORDS, Trial, new_id
from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import encode_json
from blazebot.wire.frames import CREATE_MESSAGE, CREATE_PLAIN_MESSAGES
from blazebot.wire.limits import BATCH_LIMIT, BUTTONS_LIMIT, REQUEST_LIMIT
from blazebot.wire.messages import SENT

_LINE_AND_RECIPIENT = Need.LINE | Need.RECIPIENT
_BUTTON = {"label": "x", "color": "#46B8DA", "action": "https://mixin.one"}


@check("4 [C]", needs=_LINE_AND_RECIPIENT, messages=1)
async def send_answered(trial: Trial) -> None:
    """CREATE_MESSAGE is answered with message_id, user_id, SENT and times, without a category."""
    draft = trial.draft()
    async with trial.bot.line() as line:
        data = (await line.taken(CREATE_MESSAGE, draft)).get("data") or {}
    for field, value in {
        "message_id": draft["message_id"],
        "user_id": trial.bot.user_id,
        "status": SENT,
        "category": "",
        "conversation_id": "",
    }.items():
        expect(data.get(field) == value, f"{field} is {data.get(field)!r}, not {value!r}")
    expect(is_time(data.get("created_at")), f"created_at is {data.get('created_at')!r}")


@check("5 [S]", needs=_LINE_AND_RECIPIENT, messages=1)
async def repeat_answered_alike(trial: Trial) -> None:
    """The same message_id again is taken, and answered as the first was."""
    draft = trial.draft()
    async with trial.bot.line() as line:
        first = await line.taken(CREATE_MESSAGE, draft)
        again = await line.taken(CREATE_MESSAGE, draft)
    expect(again.get("data") == first.get("data"), "the second answer's data is another")


@check("5 [S]", needs=Need.LINE | Need.PERSON)
async def repeat_is_one_message(trial: Trial) -> None:
    """The same message_id again, on the line or by REST, has no effect: the first one stays."""
    draft = trial.draft("first")
    again = draft | {"data_base64": encode_base64(b"second")}
    async with trial.bot.line() as line:
        await line.taken(CREATE_MESSAGE, draft)
        await line.taken(CREATE_MESSAGE, again)
    await trial.bot.post("/messages", [again])
    texts = [message["text"] for message in (await trial.person.sees()).values()]
    expect(texts == ["first"], f"the person sees {texts}")


@check("9 [D]", needs=Need.RECIPIENT, messages=1)
async def messages_by_rest(trial: Trial) -> None:
    """POST /messages takes a message, and answers {}."""
    answer = await trial.bot.post("/messages", trial.draft())
    expect(answer.code is None and answer.document == {}, f"{answer}")


@check("9 [D]", needs=Need.RECIPIENT, messages=2)
async def messages_in_a_list(trial: Trial) -> None:
    """POST /messages takes a list of messages."""
    data_of(await trial.bot.post("/messages", [trial.draft(), trial.draft()]))


@check("9 [D]", needs=Need.RECIPIENT)
async def messages_at_most_100(trial: Trial) -> None:
    """POST /messages refuses more than 100 messages."""
    # All of one id: a service without the limit would take one.
    answer = await trial.bot.post("/messages", [trial.draft(WORDS)] * (BATCH_LIMIT + 1))
    expect(answer.code is not None, f"{BATCH_LIMIT + 1} messages were taken")


@check("9 [D]", needs=Need.RECIPIENT)
async def messages_at_most_128_kib(trial: Trial) -> None:
    """POST /messages refuses a body of more than 128 KiB."""
    answer = await trial.bot.post("/messages", trial.draft("x" * REQUEST_LIMIT))
    expect(answer.code is not None, "a message of more than 128 KiB was taken")


@check("5 [D]", needs=Need.RECIPIENT)
async def bad_ids_refused(trial: Trial) -> None:
    """An id that is no UUID is refused with 10002, whose extra names the field."""
    for field in ("message_id", "conversation_id", "quote_message_id"):
        answer = await trial.bot.post("/messages", trial.draft(**{field: "nonsense"}))
        extra = refused(answer, 10002).get("extra") or {}
        expect(extra.get("field") == field, f"{field}: extra names {extra.get('field')!r}")


@check("5 [A]", needs=Need.RECIPIENT)
async def bad_base64_refused(trial: Trial) -> None:
    """Content that is no base64 is refused with 10002."""
    refused(await trial.bot.post("/messages", trial.draft(data_base64="a")), 10002)


@check("5 [A]", needs=Need.RECIPIENT)
async def bad_content_refused(trial: Trial) -> None:
    """Content that does not fit its category is refused with 10002."""
    many = encode_json([_BUTTON] * (BUTTONS_LIMIT + 1))
    for category, data in (
        ("PLAIN_TEXT", b"\xff\xfe"),
        ("PLAIN_IMAGE", b"no JSON"),
        ("PLAIN_CONTACT", b'{"user_id": "nobody"}'),
        ("APP_BUTTON_GROUP", many),
        ("APP_CARD", b"[]"),
    ):
        draft = trial.draft(category=category, data_base64=encode_base64(data))
        code = (await trial.bot.post("/messages", draft)).code
        expect(code == 10002, f"{category}: {_outcome(code)}")


@check("5 [A]", needs=Need.RECIPIENT)
async def system_messages_refused(trial: Trial) -> None:
    """A bot that sends a SYSTEM_ category is refused with 403."""
    draft = trial.draft(category="SYSTEM_CONVERSATION", data_base64=encode_base64(b"{}"))
    refused(await trial.bot.post("/messages", draft), 403)


@check("9 [D]")
async def unknown_conversation_refused(trial: Trial) -> None:
    """A message to a conversation that the bot is not in is refused with 403."""
    message = {
        "conversation_id": new_id(),
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "data_base64": encode_base64(WORDS.encode()),
    }
    refused(await trial.bot.post("/messages", message), 403)


@check("5 [C]", needs=Need.PERSON)
async def base64_in_any_form(trial: Trial) -> None:
    """Content is read from data or data_base64, in either alphabet, padded, broken into lines."""
    forms: dict[str, dict[str, Any]] = {
        "data, padded": {"data": "Pj4+Pz8/IQ==", "data_base64": None},
        "data, URL alphabet": {"data": "Pj4-Pz8_IQ", "data_base64": ""},
        "data_base64, padded": {"data_base64": "Pj4+Pz8/IQ=="},
        "data_base64, in lines": {"data_base64": "Pj4-\nPz8_\r\nIQ=="},
    }
    for what, fields in forms.items():
        draft = trial.draft(**fields)
        data_of(await trial.bot.post("/messages", draft))
        seen = await trial.person.sees_one(draft["message_id"])
        expect(seen["text"] == ">>>???!", f"{what}: the person sees {seen['text']!r}")


@check("4 [S]", needs=_LINE_AND_RECIPIENT, messages=2)
async def batch_taken(trial: Trial) -> None:
    """CREATE_PLAIN_MESSAGES takes a batch."""
    async with trial.bot.line() as line:
        await line.taken(CREATE_PLAIN_MESSAGES, {"messages": [trial.draft(), trial.draft()]})


@check("4 [S]", needs=_LINE_AND_RECIPIENT)
async def batch_at_most_100(trial: Trial) -> None:
    """CREATE_PLAIN_MESSAGES refuses more than 100 messages."""
    await _refuses_batch(trial, [trial.draft()] * (BATCH_LIMIT + 1))


@check("4 [S]", needs=_LINE_AND_RECIPIENT)
async def batch_plain_only(trial: Trial) -> None:
    """CREATE_PLAIN_MESSAGES refuses other categories than PLAIN_ ones."""
    buttons = encode_base64(encode_json([_BUTTON]))
    await _refuses_batch(trial, [trial.draft(category="APP_BUTTON_GROUP", data_base64=buttons)])


@check("4 [S]", needs=_LINE_AND_RECIPIENT)
async def batch_with_recipients(trial: Trial) -> None:
    """CREATE_PLAIN_MESSAGES refuses a message without a recipient_id."""
    await _refuses_batch(trial, [trial.draft(recipient_id="")])


@check("4 [S]", needs=_LINE_AND_RECIPIENT)
async def batch_quotes_from_text(trial: Trial) -> None:
    """CREATE_PLAIN_MESSAGES refuses a quote_message_id on anything but text."""
    contact = encode_base64(encode_json({"user_id": trial.recipient_id}))
    draft = trial.draft(category="PLAIN_CONTACT", data_base64=contact, quote_message_id=new_id())
    await _refuses_batch(trial, [draft])


@check("4 [S]", needs=Need.LINE | Need.PERSON)
async def batch_represents_in_contacts(trial: Trial) -> None:
    """CREATE_PLAIN_MESSAGES refuses a representative_id in a group."""
    group = await trial.person.create_group()
    await _refuses_batch(trial, [trial.draft(conversation_id=group, representative_id=new_id())])


@check("4 [A]", needs=Need.LINE | Need.PERSON)
async def batch_atomic(trial: Trial) -> None:
    """A batch with one message that is refused is refused as a whole."""
    await _refuses_batch(trial, [trial.draft(), trial.draft(conversation_id=new_id())])
    expect(not await trial.person.sees(), "the other message was taken")


async def _refuses_batch(trial: Trial, messages: list[dict[str, Any]]) -> None:
    async with trial.bot.line() as line:
        frame = await line.request(CREATE_PLAIN_MESSAGES, {"messages": messages})
    refused_frame(frame, 403, 10002)


def _outcome(code: int | None) -> str:
    return "taken" if code is None else f"refused with {code}"
