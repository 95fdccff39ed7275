"""Users by REST, and what is shown of them (sections 9 and 10)."""

from __future__ import annotations

from typing import Any

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import data_of, expect, refused
from blazebot.conformance.shapes import ME, USER, expect_shape
from blazebot.conformance.trial import Trial, new_id


@check("10 [C]")
async def me_complete(trial: Trial) -> None:
    """GET /me has all fields, of their types; session_id is the session's own."""
    me = data_of(await trial.bot.get("/me"))
    expect_shape("user", me, ME)
    expect(me["user_id"] == trial.bot.user_id, "user_id is another's")
    expect(me["session_id"] == trial.bot.keystore.session_id, "session_id is another's")
    expect(me["relationship"] == "ME", f"relationship is {me['relationship']}")


@check("9 [D]")
async def safe_me(trial: Trial) -> None:
    """GET /safe/me tells the same user as GET /me."""
    me = data_of(await trial.bot.get("/safe/me"))
    expect(me.get("user_id") == trial.bot.user_id, "it tells another user")


@check("10 [C]")
async def user_complete(trial: Trial) -> None:
    """GET /users/:id has all fields, of their types; a bot also has an app."""
    user = data_of(await trial.bot.get(f"/users/{trial.bot.user_id}"))
    expect_shape("user", user, USER)
    app = user.get("app")
    expect(isinstance(app, dict), "there is no app")
    expect(app.get("app_id") == trial.bot.user_id, "the app has another id")


@check("10 [C]")
async def membership(trial: Trial) -> None:
    """A user's membership is absent, or complete."""
    found = data_of(await trial.bot.get("/me")).get("membership", {})
    expect(isinstance(found, dict), "it is no object")
    complete = {"plan", "expired_at"} <= set(found)
    expect(not found or complete, f"it has only {', '.join(sorted(found))}")


@check("10 [C]", needs=Need.RECIPIENT)
async def other_user_complete(trial: Trial) -> None:
    """Somebody else has all fields too, with their relationship to the bot."""
    user = data_of(await trial.bot.get(f"/users/{trial.recipient_id}"))
    expect_shape("user", user, USER)
    expect(user["user_id"] == trial.recipient_id, "user_id is another's")
    expect(user["relationship"] != "ME", "the relationship is ME")


@check("9 [D]")
async def user_unknown(trial: Trial) -> None:
    """A user whom there is not is answered with 404."""
    refused(await trial.bot.get(f"/users/{new_id()}"), 404)


@check("9 [D]")
async def users_fetched(trial: Trial) -> None:
    """POST /users/fetch tells several users, and passes over unknown ones."""
    users = data_of(await trial.bot.post("/users/fetch", [new_id(), trial.bot.user_id]))
    found = [user.get("user_id") for user in users]
    expect(found == [trial.bot.user_id], f"it tells {len(found)} users")
    expect_shape("user", users[0], USER)


@check("9 [D]")
async def users_searched(trial: Trial) -> None:
    """GET /search/:q finds a user by identity number."""
    number = data_of(await trial.bot.get("/me"))["identity_number"]
    found = data_of(await trial.bot.get(f"/search/{number}"))
    expect(found.get("user_id") == trial.bot.user_id, "it finds another user")


@check("9 [D]")
async def code_of_a_user(trial: Trial) -> None:
    """GET /codes/:id tells the user whose code_id it is, by their type."""
    me = data_of(await trial.bot.get("/me"))
    found = data_of(await trial.bot.get(f"/codes/{me['code_id']}"))
    got = found.get("type"), found.get("user_id")
    expect(got == ("user", trial.bot.user_id), f"it tells a {got[0]}")


@check("9 [D]", needs=Need.RECIPIENT)
async def code_of_a_conversation(trial: Trial) -> None:
    """GET /codes/:id tells the conversation whose code_id it is, by its type."""
    conversation = data_of(await trial.bot.get(f"/conversations/{trial.conversation_id}"))
    found = data_of(await trial.bot.get(f"/codes/{conversation['code_id']}"))
    got = found.get("type"), found.get("conversation_id")
    expect(got == ("conversation", trial.conversation_id), f"it tells a {got[0]}")


@check("9 [D]", needs=Need.PERSON)
async def relationships(trial: Trial) -> None:
    """POST /relationships adds, removes, blocks and unblocks, and answers the user as seen now."""
    for action, expected, listed in (
        ("ADD", "FRIEND", "/friends"),
        ("REMOVE", "STRANGER", None),
        ("BLOCK", "BLOCKING", "/blocking_users"),
        ("UNBLOCK", "STRANGER", None),
    ):
        body = {"user_id": trial.recipient_id, "action": action}
        user: dict[str, Any] = data_of(await trial.bot.post("/relationships", body))
        expect_shape("user", user, USER)
        expect(user["relationship"] == expected, f"{action}: {user['relationship']}")
        if listed:
            users = data_of(await trial.bot.get(listed))
            found = [one.get("user_id") for one in users]
            expect(found == [trial.recipient_id], f"{listed} tells {len(found)} users")


@check("6 [A]", needs=Need.PERSON)
async def blocked(trial: Trial) -> None:
    """A person who blocks the bot gets nothing from it: it is refused with 403."""
    await trial.person.block()
    refused(await trial.bot.post("/messages", trial.draft()), 403)
