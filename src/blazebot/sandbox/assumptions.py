"""What nobody outside the service can know [A]: each assumption is one setting.

They stand apart from the other settings so that they can be read, listed and changed in one place;
:class:`~blazebot.sandbox.settings.SandboxSettings` includes them all.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from blazebot.wire.limits import RETENTION


class Assumptions(Struct, frozen=True, kw_only=True):
    """How the sandbox behaves where neither documents nor clients say how the service does."""

    strict_tokens: bool = False
    """Whether a token that was used before is refused. Shipped clients reuse one on reconnect [C],
    so by default a repeat is only counted."""

    check_signatures: bool = False
    """Whether a token whose ``sig`` is that of another request is refused. Three shipped clients
    sign something slightly different for odd bodies, queries or ports [C], so by default such
    tokens are only counted."""

    lines_reopen: bool = True
    """Whether the token that opened a line opens another one of the session for as long as it
    lives, as shipped clients do [C]; if False, it does within 5 minutes of its making."""

    newer_connection_wins: bool = True
    """Whether a second connection of a session closes the first; if False, the second is closed."""

    bots_hear_bots: bool = False
    """Whether what one bot sends is delivered to other bots in the conversation."""

    group_status: Literal["any", "all"] = "any"
    """Whose receipt moves the status of a group's message: any recipient's, or that of the last of
    all recipients."""

    atomic_batches: bool = True
    """Whether a batch with one refused message is refused as a whole; if False, the others are
    taken."""

    service_categories: tuple[str, ...] = ("SYSTEM_",)
    """Beginnings of the categories that only the service sends; a bot is refused with 403."""

    check_contents: bool = True
    """Whether content that does not fit its category is refused with 10002. If False, it is taken
    as it is, and whoever receives it has to cope."""

    admins_recall: bool = True
    """Whether the owner and the admins of a group may recall what others sent there; if False, only
    who sent a message recalls it."""

    members_pin: bool = True
    """Whether anybody in a group may pin messages there; if False, only its owner and admins."""

    system_user_id: str = "00000000-0000-0000-0000-000000000000"
    """Who ``SYSTEM_CONVERSATION`` messages are from."""

    people_platform: str = "Android"
    """The ``platform`` of people's sessions in ``/sessions/fetch``; a bot's is empty."""

    attachment_retention: Annotated[float, Meta(gt=0)] = RETENTION
    """Seconds, by the retention clock, for which an attachment is kept; then it is gone, uploaded
    or not."""

    attachments_overwritten: bool = False
    """Whether an attachment that is uploaded may be uploaded again; if False, that is refused with
    HTTP 409."""

    refuse_blocked: bool = True
    """Whether what somebody sends, in a conversation of two, to a user who blocks them is refused
    with 403; if False, it is delivered, and blocking only shows in relationships."""

    admins_remove_admins: bool = False
    """Whether an admin of a group may remove another one; its owner always may. Nobody removes the
    owner."""

    members_set_disappear: bool = False
    """Whether any participant of a group may set when its messages disappear; if False, only its
    owner and admins. In a conversation of two both may."""

    owner_has_successor: bool = False
    """Whether a group whose owner leaves gets another one: the admin, or else the participant, who
    has been in it for longest. If False, it has none."""

    inherit_expire_in: bool = True
    """Whether a message without ``expire_in`` takes that of its conversation."""

    disappear_from: Literal["read", "sent"] = "read"
    """From when the ``expire_in`` of a message is counted, after which it disappears for everybody:
    from when its status became READ (see ``group_status``), or from when it was sent."""

    quota_counts_repeats: bool = False
    """Whether a message that is sent again with the same id counts against the quota again."""

    full_name_length: Annotated[int, Meta(ge=1)] = 64
    """Characters of the longest name that ``POST /me`` takes."""

    biography_length: Annotated[int, Meta(ge=1)] = 1024
    """Characters of the longest biography that ``POST /me`` takes."""

    oauth_code_lifetime: Annotated[float, Meta(gt=0)] = 600.0
    """Seconds, by the retention clock, for which an authorisation code can be exchanged."""

    oauth_lifetime: Annotated[float, Meta(gt=0)] = 365 * 24 * 3600.0
    """Seconds, by the retention clock, after which an authorisation ends: a year [D]."""

    oauth_calls: tuple[str, ...] = (
        "GET /me PROFILE:READ",
        "GET /safe/me PROFILE:READ",
        "GET /users/:id PROFILE:READ",
        "POST /users/fetch PROFILE:READ",
        "GET /friends CONTACTS:READ",
        "GET /blocking_users CONTACTS:READ",
    )
    """What may be called on behalf of a person: method, path, and the scope that it needs. All
    else, conversations and messages above all [S], is refused with 403."""

    redeliver_after: Annotated[float, Meta(gt=0)] = 30.0
    """Seconds after which an unacknowledged message is pushed again on the same connection."""
