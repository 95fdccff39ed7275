"""The bot's REST client: everything of protocol section 9, signed by its keystore."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from blazebot.client.calls import Call
from blazebot.client.conversations import Conversations
from blazebot.client.messages import Messages
from blazebot.client.quota import SendQuota
from blazebot.client.users import Users
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token

if TYPE_CHECKING:
    import aiohttp

__all__ = ["RestClient"]


class RestClient(Users, Conversations, Messages):
    """Calls signed by one keystore.

    ``urls`` are the service's addresses, the preferred first; where one cannot be reached the
    next is tried. ``timeout`` is the deadline of one call in seconds, all tries included.
    ``quota`` says when messages may leave; without one they do at once.
    """

    def __init__(
        self,
        keystore: Keystore,
        http: aiohttp.ClientSession,
        *,
        urls: Sequence[str],
        timeout: float,
        quota: SendQuota | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(http, urls=urls, timeout=timeout, clock=clock)
        self._keystore = keystore
        self._quota = quota

    @property
    def app_id(self) -> str:
        """The bot's user id."""
        return self._keystore.app_id

    def _token(self, call: Call, request_id: str) -> str:
        return sign_token(
            self._keystore,
            call.method,
            call.uri,
            call.body,
            now=self._clock(),
            request_id=request_id,
        )
