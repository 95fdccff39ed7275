"""Conversations: their ids, what is shown of them, and what may be changed (sections 7, 9, 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import data_of, expect, refused
from blazebot.conformance.shapes import (
    CONVERSATION,
    PARTICIPANT,
    PARTICIPANT_SESSION,
    UNSET_TIME,
    expect_shape,
)
from blazebot.conformance.trial import WORDS, Trial, new_id
from blazebot.wire.ids import group_conversation_id

_PATH = "/conversations"
_DAY = 24 * 3600


@check("7 [D]", needs=Need.RECIPIENT)
async def contact_id_derived(trial: Trial) -> None:
    """A conversation of two is created with the id that both user ids give, as often as asked."""
    for _ in range(2):
        conversation = data_of(await trial.bot.post(_PATH, _contact(trial)))
        found = conversation.get("conversation_id")
        expect(found == trial.conversation_id, f"its id is {found}, not {trial.conversation_id}")


@check("7 [D]", needs=Need.RECIPIENT)
async def contact_id_checked(trial: Trial) -> None:
    """A conversation of two with any other id is refused with 10002."""
    refused(await trial.bot.post(_PATH, _contact(trial, conversation_id=new_id())), 10002)


@check("10 [C]", needs=Need.RECIPIENT)
async def participants_with_more(trial: Trial) -> None:
    """Participants in a request may have an empty role and a time that is not set."""
    more = {"user_id": trial.recipient_id, "role": "", "created_at": UNSET_TIME}
    data_of(await trial.bot.post(_PATH, _contact(trial, participants=[more])))


@check("10 [C]", needs=Need.RECIPIENT)
async def conversation_complete(trial: Trial) -> None:
    """A conversation has all fields, of their types; among its sessions is the bot's own."""
    conversation = data_of(await trial.bot.get(f"{_PATH}/{trial.conversation_id}"))
    expect_shape("conversation", conversation, CONVERSATION)
    for participant in conversation["participants"]:
        expect_shape("participant", participant, PARTICIPANT)
    for session in conversation["participant_sessions"]:
        expect_shape("participant session", session, PARTICIPANT_SESSION)
    own = trial.bot.keystore.session_id
    sessions = [session["session_id"] for session in conversation["participant_sessions"]]
    expect(own in sessions, "the bot's own session is not among participant_sessions")


@check("9 [D]")
async def conversation_unknown(trial: Trial) -> None:
    """A conversation that there is not is answered with 404."""
    refused(await trial.bot.get(f"{_PATH}/{new_id()}"), 404)


@check("7 [D]", needs=Need.RECIPIENT)
async def group_id_derived(trial: Trial) -> None:
    """A group with a random_id is created with the id that all of it gives; with no other."""
    random_id = new_id()
    derived = group_conversation_id(trial.bot.user_id, WORDS, [trial.recipient_id], random_id)
    group = _group([trial.recipient_id], random_id=random_id)
    refused(await trial.bot.post(_PATH, group), 10002)
    async with _in_group(
        trial, [trial.recipient_id], conversation_id=derived, random_id=random_id
    ) as group:
        expect(group.get("conversation_id") == derived, "the group has another id")


@check("7 [C]", needs=Need.RECIPIENT)
async def group_id_free(trial: Trial) -> None:
    """A group without a random_id is created with any id; its creator is the owner."""
    wanted = new_id()
    async with _in_group(
        trial, [trial.recipient_id], conversation_id=wanted, random_id=""
    ) as group:
        expect(group.get("conversation_id") == wanted, "the group has another id")
        expect(_roles(group).get(trial.bot.user_id) == "OWNER", "the bot is not its owner")


@check("9 [D]", needs=Need.RECIPIENT)
async def group_changed(trial: Trial) -> None:
    """A group's owner changes its name, announcement, code, and when messages disappear."""
    async with _in_group(trial, [trial.recipient_id]) as group:
        path = f"{_PATH}/{group['conversation_id']}"
        new = {"name": f"{WORDS} 2", "announcement": "hi"}
        changed = data_of(await trial.bot.post(path, new))
        expect(new.items() <= changed.items(), "name and announcement are not the new ones")
        rotated = data_of(await trial.bot.post(f"{path}/rotate"))
        expect(rotated["code_id"] != group["code_id"], "the code is the old one")
        disappearing = data_of(await trial.bot.post(f"{path}/disappear", {"duration": _DAY}))
        expect(disappearing["expire_in"] == _DAY, f"expire_in is {disappearing['expire_in']}")
        muted = data_of(await trial.bot.post(f"{path}/mute", {"duration": _DAY}))
        expect(muted["mute_until"] != UNSET_TIME, "it is not muted")


@check("9 [D]", needs=Need.RECIPIENT)
async def group_limits(trial: Trial) -> None:
    """A name of more than 512 characters, an announcement of more than 1024 is refused."""
    async with _in_group(trial, [trial.recipient_id]) as group:
        path = f"{_PATH}/{group['conversation_id']}"
        for field, limit in (("name", 512), ("announcement", 1024)):
            refused(await trial.bot.post(path, {field: "x" * (limit + 1)}), 10002)


@check("9 [D]", needs=Need.RECIPIENT)
async def group_participants(trial: Trial) -> None:
    """A group's owner makes admins, removes participants and adds them."""
    async with _in_group(trial, [trial.recipient_id]) as group:
        path = f"{_PATH}/{group['conversation_id']}/participants"
        other = trial.recipient_id
        admin = [{"user_id": other, "role": "ADMIN"}]
        changed = data_of(await trial.bot.post(f"{path}/ROLE", admin))
        expect(_roles(changed).get(other) == "ADMIN", "the other one is no admin")
        changed = data_of(await trial.bot.post(f"{path}/REMOVE", [{"user_id": other}]))
        expect(other not in _roles(changed), "the other one is still there")
        changed = data_of(await trial.bot.post(f"{path}/ADD", [{"user_id": other}]))
        expect(_roles(changed).get(other) == "", "the other one is not there again")


@check("9 [D]", needs=Need.PEER)
async def group_joined_by_code(trial: Trial) -> None:
    """Who has a group's code joins it, and may then change nothing of it."""
    async with _in_group(trial, []) as group:
        joined = data_of(await trial.peer.post(f"{_PATH}/{group['code_id']}/join"))
        expect(trial.peer.user_id in _roles(joined), "who has joined is not there")
        path = f"{_PATH}/{group['conversation_id']}"
        refused(await trial.peer.post(path, {"name": "mine"}), 403)
        data_of(await trial.peer.post(f"{path}/exit"))


@check("9 [D]", needs=Need.PEER)
async def group_of_others(trial: Trial) -> None:
    """Who is not in a group may not see it: 403."""
    async with _in_group(trial, []) as group:
        refused(await trial.peer.get(f"{_PATH}/{group['conversation_id']}"), 403)


def _contact(trial: Trial, **changes: Any) -> dict[str, Any]:
    return {
        "category": "CONTACT",
        "conversation_id": trial.conversation_id,
        "participants": [{"user_id": trial.recipient_id}],
        **changes,
    }


def _group(user_ids: Sequence[str], **changes: Any) -> dict[str, Any]:
    return {
        "category": "GROUP",
        "conversation_id": new_id(),
        "name": WORDS,
        "participants": [{"user_id": user_id} for user_id in user_ids],
        **changes,
    }


@asynccontextmanager
async def _in_group(
    trial: Trial, user_ids: Sequence[str], **changes: Any
) -> AsyncIterator[dict[str, Any]]:
    """Create a group with these users, and leave it at the end."""
    group = data_of(await trial.bot.post(_PATH, _group(user_ids, **changes)))
    try:
        yield group
    finally:
        await trial.bot.post(f"{_PATH}/{group['conversation_id']}/exit")


def _roles(conversation: dict[str, Any]) -> dict[str, str]:
    return {one["user_id"]: one["role"] for one in conversation["participants"]}
