"""Sessions and encrypted messages by REST (protocol section 8)."""

from __future__ import annotations

from typing import Any, Final

from blazebot.sandbox.rest.calls import Call, Endpoints, read_body, read_messages
from blazebot.sandbox.rules.drafts import read_id
from blazebot.sandbox.rules.service import Outcome, Service
from blazebot.sandbox.rules.views import session_view
from blazebot.sandbox.storage.rows import Session

__all__ = ["EncryptionEndpoints"]

_SUCCESS: Final = "SUCCESS"
_FAILED: Final = "FAILED"


class EncryptionEndpoints:
    """The endpoints of sessions and encrypted messages."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def endpoints(self) -> Endpoints:
        """Return the endpoints."""
        return {
            ("POST", "/sessions/fetch"): self._fetch_sessions,
            ("POST", "/encrypted_messages"): self._send,
        }

    async def _fetch_sessions(self, call: Call) -> Any:
        user_ids = read_body(call.body, list[str])
        once_each = dict.fromkeys(read_id("user_ids", user_id) for user_id in user_ids)
        return {"data": self._views(self._service.directory.sessions_of(once_each))}

    async def _send(self, call: Call) -> Any:
        requests = read_messages(call.body)
        outcomes = self._service.send_encrypted(call.user, call.session_id, requests)
        return {"data": [self._view(outcome) for outcome in outcomes]}

    def _view(self, outcome: Outcome) -> dict[str, Any]:
        return {
            "type": "message",
            "message_id": outcome.draft.message_id,
            "recipient_id": outcome.draft.recipient_id,
            "state": _SUCCESS if outcome.sessions is None else _FAILED,
            "sessions": self._views(outcome.sessions or []),
        }

    def _views(self, sessions: list[Session]) -> list[dict[str, Any]]:
        return [session_view(session, self._platform(session.user_id)) for session in sessions]

    def _platform(self, user_id: str) -> str:
        user = self._service.store.user(user_id)
        return "" if user is None or user.is_bot else self._service.settings.people_platform
