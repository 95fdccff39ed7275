"""The service's REST, as far as bots here call it."""

from __future__ import annotations

from typing import Any

import msgspec

from blazebot.client.messages import EncryptedMessageRequest
from blazebot.client.views import FAILED, SUCCESS
from blazebot.wire.messages import MessageRequest, Receipt
from tests.simulation.clock import BEGINNING
from tests.simulation.network import Answer, Call
from tests.simulation.service import UNAUTHORIZED, Service


class ServiceWithRest(Service):
    """The service, by either way."""

    def called(self, bot_id: str, call: Call) -> Answer | None:
        self.events += 1
        fails = self.now < self.weather.calls_fail_until
        if fails and self._random.random() < 0.9:
            return None
        body = self._answered(bot_id, call)
        # It may have taken effect, and nobody is told.
        return None if fails else Answer(msgspec.json.encode(body), BEGINNING + self.now)

    def _answered(self, bot_id: str, call: Call) -> dict[str, Any]:
        asks_who = call.path == "/me"  # which tells a 401 that passes from one that does not
        if not self.accepts(bot_id, call.token) or (
            not asks_who and self.weather.is_unauthorized("call")
        ):
            return _refusal(UNAUTHORIZED)
        if asks_who:
            return {"data": {"user_id": bot_id}}
        if call.path == "/acknowledgements":
            self.acknowledge(bot_id, msgspec.json.decode(call.body, type=list[Receipt]))
            return {"data": {}}
        if call.path == "/messages":
            requests = msgspec.json.decode(call.body, type=list[MessageRequest])
            code = self.take(bot_id, requests)
            return _refusal(code) if code else {"data": {}}
        if call.path == "/encrypted_messages":
            return self._take_encrypted(bot_id, call.body)
        assert call.path.startswith("/conversations"), call.path
        return {
            "data": {
                "conversation_id": call.path.removeprefix("/conversations/"),
                "participant_sessions": self.phones.sessions(),
            }
        }

    def _take_encrypted(self, bot_id: str, body: bytes) -> dict[str, Any]:
        (request,) = msgspec.json.decode(body, type=list[EncryptedMessageRequest])
        receipt = {"message_id": request.message_id, "state": SUCCESS}
        if request.checksum != self.phones.checksum:
            return {"data": [receipt | {"state": FAILED, "sessions": self.phones.sessions()}]}
        text = self.phones.decrypted(request.data_base64 or "")
        code = self.let_take_effect(bot_id, [request], [text])
        return _refusal(code) if code else {"data": [receipt]}


def _refusal(code: int) -> dict[str, Any]:
    return {"error": {"status": 202, "code": code, "description": "it is so"}}
