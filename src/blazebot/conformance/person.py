"""A person on the other side, as only a sandbox has one: acts over its control API."""

from __future__ import annotations

from typing import Any

from blazebot.conformance.expectations import expect
from blazebot.testing.control import Control
from blazebot.wire.base64 import encode_base64

__all__ = ["Person"]

_SEEN_MOST = 1000


class Person:
    """Somebody with a client, who talks to one bot."""

    def __init__(self, control: Control, user_id: str, bot_id: str) -> None:
        self.user_id = user_id
        self._control = control
        self._bot_id = bot_id

    async def say(self, text: str, **fields: Any) -> str:
        """Send a text to the bot; return the message's id. ``fields`` are as for ``send``."""
        return await self._send({"text": text, **fields})

    async def send(self, category: str, data: bytes, **fields: Any) -> str:
        """Send any content to the bot, or to a ``conversation_id``; return the message's id."""
        content = {"category": category, "data_base64": encode_base64(data)}
        return await self._send({**content, **fields})

    async def befriend(self) -> None:
        """Add the bot as a friend."""
        await self._control.add_friend(self.user_id, self._bot_id)

    async def block(self) -> None:
        """Block the bot."""
        await self._call("POST", "/relationships", {"user_id": self._bot_id, "action": "BLOCK"})

    async def create_group(self, *participant_ids: str) -> str:
        """Create a group with the bot and others; return its id."""
        group = await self._call(
            "POST", "/conversations", {"participants": [self._bot_id, *participant_ids]}
        )
        return str(group["conversation_id"])

    async def sees(self) -> dict[str, dict[str, Any]]:
        """Return what the person has on their screen, by message id, in order."""
        answer = await self._call("GET", f"/messages?after=0&limit={_SEEN_MOST}")
        messages = sorted(answer["messages"], key=lambda message: int(message["seq"]))
        return {message["message_id"]: message for message in messages}

    async def sees_one(self, message_id: str) -> dict[str, Any]:
        """Return a message as the person sees it; raise Violation if they do not."""
        seen = await self.sees()
        expect(message_id in seen, f"message {message_id} has not reached the person")
        return seen[message_id]

    async def read(self, *message_ids: str) -> None:
        """Read messages."""
        await self._call("POST", "/read", {"message_ids": message_ids})

    async def authorize(self, scope: str, code_challenge: str) -> str:
        """Authorise the bot; return the code for it."""
        body = {"bot_id": self._bot_id, "scope": scope, "code_challenge": code_challenge}
        return str((await self._call("POST", "/authorizations", body))["code"])

    async def _send(self, message: dict[str, Any]) -> str:
        where = {} if "conversation_id" in message else {"recipient_id": self._bot_id}
        return str((await self._call("POST", "/messages", {**where, **message}))["message_id"])

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        return await self._control.call(method, f"/people/{self.user_id}{path}", body)
