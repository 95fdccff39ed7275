"""Parts that bots, gateways, workers and commands make of a bot's settings in the same way."""

from __future__ import annotations

import aiohttp

from blazebot.bot.settings import BotSettings
from blazebot.client.quota import SendQuota
from blazebot.client.rest import RestClient
from blazebot.delivery.inbox import Inbox
from blazebot.keys.keystore import Keystore


def make_rest(
    settings: BotSettings,
    keystore: Keystore,
    http: aiohttp.ClientSession,
    quota: SendQuota | None = None,
) -> RestClient:
    """Return the REST client; message sends wait for room in ``quota``, where there is one."""
    return RestClient(
        keystore,
        http,
        urls=settings.rest_addresses,
        timeout=settings.request_timeout,
        quota=quota,
    )


def make_inbox(settings: BotSettings) -> Inbox:
    """Return an inbox for what the service pushes."""
    return Inbox(
        limit=settings.inbox_limit,
        lane_limit=settings.conversation_limit,
        keep_ids=settings.remember_for,
        ids_limit=settings.remembered_ids,
        bytes_limit=settings.inbox_bytes,
    )
