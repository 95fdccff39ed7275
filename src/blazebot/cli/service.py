"""How a command reaches the service: by REST with the bot's keystore and settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from blazebot.bot.parts import make_rest
from blazebot.bot.settings import BotSettings, load_bot_settings
from blazebot.client.proxies import Proxies, open_http
from blazebot.client.rest import RestClient
from blazebot.keys.keystore import Keystore


@dataclass(frozen=True, slots=True)
class Service:
    """What a command calls the service with."""

    settings: BotSettings
    keystore: Keystore
    http: aiohttp.ClientSession
    rest: RestClient


@asynccontextmanager
async def open_service() -> AsyncIterator[Service]:
    """Yield the service, by the settings keystore, server and proxy of a bot.

    Raises:
        KeystoreError: there is no keystore, or it cannot be used.
        SettingsError: a setting is wrong.
    """
    settings = load_bot_settings()
    keystore = Keystore.load(settings.keystore)
    async with open_http(Proxies(settings.proxy)) as http:
        yield Service(settings, keystore, http, make_rest(settings, keystore, http))
