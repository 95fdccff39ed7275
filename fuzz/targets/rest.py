"""The service's REST, asked by bots that sign well and ask for odd things."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final

from blazebot.wire.base64 import encode_base64
from fuzz.bending import bent, filled, spelled
from fuzz.choices import Choices
from fuzz.seeds import CONTENTS
from fuzz.served import UNREADABLE, Served, error_of, segment, served
from fuzz.watch import check
from fuzz.worlds import Attempt, in_loop

_MESSAGE: Final[dict[str, Any]] = {
    "conversation_id": "@conversations",
    "message_id": "@new",
    "category": "PLAIN_TEXT",
    "data_base64": "aGVsbG8",
    "recipient_id": "@people",
    "representative_id": "@people",
    "quote_message_id": "@messages",
    "silent": False,
    "expire_in": 60,
    "mentions": ["@people"],
    "status": "SENT",
}
_ENCRYPTED: Final = {
    **_MESSAGE,
    "category": "ENCRYPTED_TEXT",
    "checksum": "d41d8cd98f00b204e9800998ecf8427e",
    "recipient_sessions": [{"session_id": "@sessions"}],
    "data_base64": encode_base64(b"\1\1\0" + bytes(32 + 64 + 12 + 16)),
}
_MEMBERS: Final = [{"user_id": "@anybody", "role": "ADMIN"}]
_GROUP: Final = {
    "category": "GROUP",
    "conversation_id": "@new",
    "name": "A group",
    "announcement": "Hear",
    "participants": [{"user_id": "@anybody", "role": "", "created_at": "0001-01-01T00:00:00Z"}],
    "random_id": "",
}
_CONTACT: Final = {
    "category": "CONTACT",
    "conversation_id": "@conversations",
    "participants": [{"user_id": "@people"}],
}
_TOKEN_CALL: Final = {
    "client_id": "@bots",
    "code": "a" * 64,
    "client_secret": "b" * 64,
    "code_verifier": "c" * 43,
    "ed25519": encode_base64(bytes(32)),
}
_PATH: Final = "/conversations/@conversations"

CALLS: Final[tuple[tuple[str, str, Any], ...]] = (
    ("GET", "/me", None),
    ("GET", "/safe/me", None),
    ("POST", "/me", {"full_name": "Name", "avatar_base64": "iVBORw0KGgo=", "biography": "Words"}),
    ("POST", "/messages", [_MESSAGE, _MESSAGE]),
    ("POST", "/messages", _MESSAGE),
    ("POST", "/encrypted_messages", [_ENCRYPTED]),
    ("POST", "/acknowledgements", [{"message_id": "@messages", "status": "READ"}]),
    ("GET", "/messages/status/@faults", None),
    ("POST", "/conversations", _GROUP),
    ("POST", "/conversations", _CONTACT),
    ("GET", _PATH, None),
    ("POST", _PATH, {"name": "New", "announcement": "News"}),
    ("POST", f"{_PATH}/participants/ADD", _MEMBERS),
    ("POST", f"{_PATH}/participants/REMOVE", _MEMBERS),
    ("POST", f"{_PATH}/participants/ROLE", _MEMBERS),
    ("POST", f"{_PATH}/exit", None),
    ("POST", f"{_PATH}/rotate", None),
    ("POST", f"{_PATH}/mute", {"duration": 60}),
    ("POST", f"{_PATH}/disappear", {"duration": 60}),
    ("POST", "/conversations/@codes/join", None),
    ("POST", "/attachments", {}),
    ("GET", "/attachments/@attachments", None),
    ("POST", "/sessions/fetch", ["@anybody"]),
    ("GET", "/users/@anybody", None),
    ("POST", "/users/fetch", ["@anybody", "@new"]),
    ("GET", "/search/@anybody", None),
    ("GET", "/codes/@codes", None),
    ("POST", "/relationships", {"user_id": "@people", "action": "BLOCK"}),
    ("GET", "/friends", None),
    ("GET", "/blocking_users", None),
    ("POST", "/oauth/token", _TOKEN_CALL),
)
"""Good calls of every endpoint; ``@kind`` stands for an id of that kind."""

_HEADERS: Final = (
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "deflate"},
    {"Content-Type": "text/plain; charset=utf-16"},
    {"X-Request-Id": "é" * 200},
    {"Expect": "100-continue"},
    {"Range": "bytes=5-1"},
)

_UNREADABLE: Final = 400
"""What is no HTTP, or not encoded as it says, is not for the service to answer."""


async def _attempt(world: Served, choices: Choices) -> None:
    secrets = set(world.watch.secrets)
    for _ in range(1 + choices.below(3)):
        await _call(world, choices)
    await world.check_alive()
    world.forget_secrets(secrets)


async def _call(world: Served, choices: Choices) -> None:
    method, pattern, good = choices.pick(CALLS)
    parts = [
        segment(choices, world.ids[part[1:]]) if part.startswith("@") else part
        for part in pattern.split("/")
    ]
    uri = "/".join(parts) + choices.pick(("", "?", "?a=%ff&a=b", "?offset=0", "#x", "/"))
    body = b"" if good is None else _body(choices, world, good)
    if choices.once_in(16):
        method = choices.pick(("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"))
    token = world.sign(choices.pick(world.keystores), method, uri.partition("#")[0], body)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if choices.once_in(8):
        headers |= choices.pick(_HEADERS)
    status, text = await world.ask(method, uri, body, headers)
    check(status in (200, 202, _UNREADABLE), f"{method} {uri[:200]}: HTTP {status}")
    if method == "HEAD" or status == _UNREADABLE:
        return
    error = error_of(text)
    check((error is None) == (status == 200), f"{method} {uri[:200]}: {status} {text[:200]!r}")


def _body(choices: Choices, world: Served, good: Any) -> bytes:
    document = bent(choices, filled(choices, good, world.ids))
    message = document[0] if isinstance(document, list) and document else document
    if isinstance(message, dict) and "category" in message and choices.once_in(2):
        category = choices.pick(sorted(CONTENTS))
        message["category"] = category
        message["data_base64"] = encode_base64(CONTENTS[category])
    return spelled(choices, document)


def rest() -> AbstractContextManager[Attempt]:
    """Calls of every endpoint, their paths and bodies bent."""
    return in_loop(served, _attempt, allowed=UNREADABLE)
