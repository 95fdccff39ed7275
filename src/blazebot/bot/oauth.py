"""``bot.oauth``: people who authorise the bot, the third way to learn a user id [S]."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from blazebot.client.oauth import Authorization, authorize_url, exchange_code
from blazebot.client.user_client import UserClient

if TYPE_CHECKING:
    import aiohttp

    from blazebot.bot.bot import Bot


class OAuth:
    """Authorisations of ``bot``; ``http()`` is the session of its calls while it runs."""

    def __init__(self, bot: Bot, http: Callable[[], aiohttp.ClientSession]) -> None:
        self._bot = bot
        self._http = http

    def authorize_url(
        self, scopes: Iterable[str], *, state: str, challenge: str | None = None
    ) -> str:
        """Return the address at which a person lets the bot act for them [D].

        ``scopes`` are such as ``PROFILE:READ``; ``state`` comes back with the code and should be of
        :func:`~blazebot.client.oauth.new_state`; ``challenge`` is
        :func:`~blazebot.client.oauth.code_challenge` of a verifier that you keep.
        """
        return authorize_url(self._bot.id, scopes, state=state, challenge=challenge)

    async def exchange_code(
        self, code: str, *, verifier: str | None = None, client_secret: str | None = None
    ) -> Authorization:
        """Exchange the code that a person came back with; keep what is returned for later.

        Give the ``verifier`` where the address had its challenge, else the app's secret.

        Raises:
            NotRunning: the bot does not run.
            ServiceError: AuthorizationExpired and others, the service refused it.
        """
        return await exchange_code(
            self._bot.rest,
            code,
            client_id=self._bot.id,
            verifier=verifier,
            client_secret=client_secret,
        )

    def as_user(self, authorization: Authorization) -> UserClient:
        """Return calls on behalf of a person: their profile, and what else they granted.

        It cannot create conversations [S]: greet the person by :meth:`Bot.send`, which does. Raises
        NotRunning while the bot does not run.
        """
        settings = self._bot.settings
        return UserClient(
            authorization,
            self._http(),
            urls=settings.rest_addresses,
            timeout=settings.request_timeout,
        )
