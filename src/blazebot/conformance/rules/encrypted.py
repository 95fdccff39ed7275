"""Sessions and encrypted messages (section 8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import NotApplicable, data_of, expect, refused_frame
from blazebot.conformance.shapes import SESSION, expect_shape
from blazebot.conformance.trial import WORDS, Trial, new_id
from blazebot.keys.encryption import MessageCipher, Recipient, sessions_checksum
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.content import Recall
from blazebot.wire.frames import CREATE_MESSAGE

_PATH = "/encrypted_messages"
_TEXT = "ENCRYPTED_TEXT"


@check("9 [D]")
async def own_session_fetched(trial: Trial) -> None:
    """POST /sessions/fetch tells a bot's own session, with the curve25519 key of its keystore."""
    keystore = trial.bot.keystore
    sessions = await _sessions(trial, keystore.app_id)
    for session in sessions:
        expect_shape("session", session, SESSION)
    own = [one for one in sessions if one["session_id"] == keystore.session_id]
    expect(own, "the bot's own session is not among those that are told")
    cipher = MessageCipher(keystore.session_id, keystore.private_key)
    key = encode_base64(cipher.public_key) if cipher.can_encrypt else ""
    expect(own[0]["public_key"] == key, "its public_key is not that of the keystore")


@check("9 [D]", needs=Need.RECIPIENT)
async def sessions_fetched(trial: Trial) -> None:
    """POST /sessions/fetch tells the sessions of several users, and passes over unknown ones."""
    sessions = await _sessions(trial, trial.recipient_id, new_id(), trial.bot.user_id)
    for session in sessions:
        expect_shape("session", session, SESSION)
    expected = {trial.recipient_id, trial.bot.user_id}
    found = {session["user_id"] for session in sessions}
    expect(found == expected, f"sessions of {len(found)} users are told, not of {len(expected)}")


@check("8 [D]", needs=Need.PERSON)
async def encrypted_to_a_person(trial: Trial) -> None:
    """What is encrypted for the recipient's sessions succeeds, and they can read it."""
    item = _item(trial, await _sessions(trial, trial.recipient_id))
    outcome = await _send(trial, item)
    expect(outcome.get("state") == "SUCCESS", f"the state is {outcome.get('state')!r}")
    seen = await trial.person.sees_one(item["message_id"])
    expect(seen["text"] == WORDS, f"the person cannot read it: {seen['undecryptable']}")


@check("8 [D]", needs=Need.LINE | Need.PERSON)
async def encrypted_from_a_person(trial: Trial) -> None:
    """What a person's client encrypts for the bot's session comes to it, and it can read it."""
    cipher = _cipher(trial)
    message_id = await trial.person.say(WORDS, encrypted=True)
    async with trial.bot.line() as line:
        view = await line.view(message_id)
    expect(view.get("category") == _TEXT, f"its category is {view.get('category')!r}")
    text = cipher.decrypt(decode_base64(str(view.get("data_base64"))))
    expect(text == WORDS.encode(), "it says something else")


@check("8 [D]", needs=Need.RECIPIENT)
async def encrypted_for_others_failed(trial: Trial) -> None:
    """What is encrypted for other sessions is FAILED, with the recipient's sessions to use."""
    outcome = await _send(trial, _item(trial, _no_sessions(trial)))
    expect(outcome.get("state") == "FAILED", f"the state is {outcome.get('state')!r}")
    expect(outcome.get("recipient_id") == trial.recipient_id, "recipient_id is another")
    told = _ids(outcome.get("sessions") or [])
    fetched = _ids(await _sessions(trial, trial.recipient_id))
    expect(told == fetched, "the sessions are not those of /sessions/fetch")


@check("8 [D]", needs=Need.RECIPIENT)
async def encrypted_for_nobody_failed(trial: Trial) -> None:
    """What is encrypted for somebody who is not there is FAILED, without sessions."""
    outcome = await _send(trial, _item(trial, _no_sessions(trial), recipient_id=new_id()))
    expect(outcome.get("state") == "FAILED", f"the state is {outcome.get('state')!r}")
    expect(outcome.get("sessions") == [], "there are sessions")


@check("8 [D]", needs=Need.LINE | Need.RECIPIENT)
async def encrypted_for_others_on_the_line(trial: Trial) -> None:
    """On the line a conversation_checksum of other sessions is refused with 20140."""
    item = _item(trial, _no_sessions(trial))
    message = {**item, "conversation_checksum": item["checksum"]}
    del message["checksum"], message["recipient_sessions"]
    async with trial.bot.line() as line:
        refused_frame(await line.request(CREATE_MESSAGE, message), 20140)


@check("8 [D]", needs=Need.RECIPIENT, messages=2)
async def encrypted_endpoint_takes_others(trial: Trial) -> None:
    """POST /encrypted_messages takes plain categories and recalls too, without a checksum."""
    plain = trial.draft()
    recall = encode_base64(Recall(plain["message_id"]).encode())
    for draft in (plain, trial.draft(category="MESSAGE_RECALL", data_base64=recall)):
        state = (await _send(trial, draft)).get("state")
        expect(state == "SUCCESS", f"{draft['category']}: the state is {state!r}")


def _cipher(trial: Trial) -> MessageCipher:
    keystore = trial.bot.keystore
    cipher = MessageCipher(keystore.session_id, keystore.private_key)
    if not cipher.can_encrypt:
        raise NotApplicable("an RSA keystore neither encrypts nor decrypts")
    return cipher


async def _sessions(trial: Trial, *user_ids: str) -> list[dict[str, Any]]:
    sessions: list[dict[str, Any]] = data_of(await trial.bot.post("/sessions/fetch", user_ids))
    return sessions


def _no_sessions(trial: Trial) -> list[dict[str, Any]]:
    """Return a session that nobody has, with a good key."""
    key = encode_base64(_cipher(trial).public_key)
    return [{"session_id": new_id(), "public_key": key}]


def _item(trial: Trial, sessions: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    keys = [Recipient(one["session_id"], decode_base64(one["public_key"])) for one in sessions]
    ids = [one["session_id"] for one in sessions]
    return trial.draft(
        category=_TEXT,
        data_base64=encode_base64(_cipher(trial).encrypt(WORDS.encode(), keys)),
        checksum=sessions_checksum(ids),
        recipient_sessions=[{"session_id": id_} for id_ in ids],
        **fields,
    )


async def _send(trial: Trial, item: dict[str, Any]) -> dict[str, Any]:
    """Send one item and return what became of it."""
    outcomes: list[dict[str, Any]] = data_of(await trial.bot.post(_PATH, [item]))
    expect(len(outcomes) == 1, f"{len(outcomes)} outcomes for one message")
    expect(outcomes[0].get("message_id") == item["message_id"], "the outcome has another id")
    return outcomes[0]


def _ids(sessions: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(str(one.get("session_id")) for one in sessions)
