"""The control API, over HTTP and by its socket: good calls by its own description, bent."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from fuzz.bending import bent, filled, spelled
from fuzz.choices import Choices
from fuzz.served import UNREADABLE, Served, error_of, segment, served
from fuzz.watch import check
from fuzz.worlds import Attempt, in_loop

_KINDS: Final = {
    "person_id": "people",
    "bot_id": "bots",
    "creator_id": "people",
    "participants": "anybody",
    "user_id": "anybody",
    "recipient_id": "anybody",
    "conversation_id": "conversations",
    "message_id": "messages",
    "message_ids": "messages",
    "quote_message_id": "messages",
    "code_id": "codes",
    "authorization_id": "authorizations",
    "fault_id": "faults",
    "mentions": "people",
}
"""Of what the fields are that hold ids."""

_COMMANDS: Final[tuple[dict[str, Any], ...]] = (
    {"op": "subscribe", "id": 1, "people": ["@people"], "after": 0},
    {"op": "subscribe", "id": "1", "people": None},
    {
        "op": "send",
        "id": 2,
        "messages": [{"person_id": "@people", "recipient_id": "@bots", "text": "Hi"}],
    },
    {"op": "read", "id": 3, "reads": [{"person_id": "@people", "message_ids": ["@messages"]}]},
    {"op": "bot", "id": 4, "bot_id": "@bots"},
    {"op": "people", "id": 5, "people": [{"full_name": "Carol"}]},
    {"op": "friends", "id": 6, "friends": [{"person_id": "@people", "user_id": "@bots"}]},
)

_STRIKES_US: Final = "restart"
"""The fault that cuts every connection, ours too."""


async def _attempt(world: Served, choices: Choices) -> None:
    for _ in range(1 + choices.below(4)):
        if choices.once_in(4):
            await _command(world, choices)
        else:
            await _call(world, choices)
    await world.ask("DELETE", "/control/faults", b"", {})
    status, _ = await world.ask("GET", "/control/health", b"", {})
    check(status == 200, f"it serves no more: {status}")


async def _call(world: Served, choices: Choices) -> None:
    method, pattern, operation = choices.pick(world.operations)
    parts = [
        segment(choices, world.ids[_KINDS[part[1:-1]]]) if part.startswith("{") else part
        for part in pattern.split("/")
    ]
    uri = "/control" + "/".join(parts) + _query(choices, operation)
    body = b""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        good = _good(choices, world, content["application/json"]["schema"])
        body = spelled(choices, bent(choices, good))
        if b"restart" in body:
            return
    elif content:
        body = choices.some()
    kind = choices.pick(("application/json", "text/plain", "")) if choices.once_in(8) else None
    headers = {"Content-Type": "application/json"} if kind is None else {"Content-Type": kind}
    if choices.once_in(16):
        headers["Origin"] = choices.pick(("http://evil.example", "null", "http://[", "http://::1"))
    if choices.once_in(16):
        headers["Host"] = choices.pick(("evil.example", "[::1", "", "localhost:99999999", "\xff"))
    status, text = await world.ask(method, uri, body, headers)
    if status != 200:
        error_of(text)


def _query(choices: Choices, operation: dict[str, Any]) -> str:
    names = [one["name"] for one in operation["parameters"] if one["in"] == "query"]
    pairs = [
        f"{name}={quote(choices.pick(('1', '0', '-1', 'x', '', '9' * 30)) + choices.text())}"
        for name in names
        if name != "follow" and choices.once_in(2)
    ]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _good(choices: Choices, world: Served, schema: dict[str, Any], name: str = "") -> Any:
    """Return a value that a schema of the description allows."""
    if "anyOf" in schema:
        return _good(choices, world, choices.pick(schema["anyOf"]), name)
    if "$ref" in schema:
        return _good(choices, world, world.schemas[schema["$ref"].rpartition("/")[2]], name)
    if "enum" in schema:
        return choices.pick([one for one in schema["enum"] if one != _STRIKES_US])
    if "properties" in schema:
        required = schema.get("required", ())
        return {
            field: _good(choices, world, kind, field)
            for field, kind in schema["properties"].items()
            if field in required or choices.once_in(2)
        }
    if schema.get("type") == "array":
        few = range(choices.below(3) + 1)
        return [_good(choices, world, schema["items"], name) for _ in few]
    return _simple(choices, world, schema, name)


def _simple(choices: Choices, world: Served, schema: dict[str, Any], name: str) -> Any:
    match schema.get("type"):
        case "string" if name in _KINDS:
            return choices.pick(world.ids[_KINDS[name]])
        case "string":
            return choices.text()
        case "integer" | "number":
            return schema.get("minimum", 0) + choices.below(1000)
        case "boolean":
            return bool(choices.below(2))
    return None


async def _command(world: Served, choices: Choices) -> None:
    """Say a few commands on the socket; the last, a good one, is answered."""
    headers = {"Origin": world.url} if choices.once_in(2) else {}
    async with world.http.ws_connect(f"{world.url}/control/socket", headers=headers) as socket:
        for _ in range(1 + choices.below(3)):
            command = bent(choices, filled(choices, choices.pick(_COMMANDS), world.ids))
            text = spelled(choices, command)
            if choices.once_in(8):
                await socket.send_bytes(text)
            else:
                await socket.send_str(text.decode("utf-8", "replace"))
        await socket.send_json({"op": "bot", "id": "last", "bot_id": world.ids["bots"][0]})
        async for message in socket:
            check(message.type is aiohttp.WSMsgType.TEXT, f"{message.type} of the control socket")
            error_of(message.data.encode())
            if '"last"' in message.data:
                return
    check(False, f"the control socket ended with {socket.close_code}")


def control() -> AbstractContextManager[Attempt]:
    """Calls of every operation and commands of the socket."""
    return in_loop(served, _attempt, allowed=UNREADABLE)
