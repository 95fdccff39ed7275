"""How a command reaches the service: by REST with the bot's keystore and settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from blazebot.bot.parts import make_rest
from blazebot.bot.settings import BotSettings, load_bot_settings
from blazebot.client.http import open_http
from blazebot.client.proxies import Proxies
from blazebot.client.rest import RestClient
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.delivery.session_lock import open_data_directory
from blazebot.keys.keystore import Keystore


@dataclass(frozen=True, slots=True)
class Service:
    """What a command calls the service with."""

    settings: BotSettings
    keystore: Keystore
    http: aiohttp.ClientSession
    rest: RestClient


@asynccontextmanager
async def open_service(
    keystore: str | None = None, *, sends: bool = False
) -> AsyncIterator[Service]:
    """Yield the service, by ``keystore`` or that of the settings, and their server and proxy.

    A command that ``sends`` messages shares the quota of all the bot's processes, which is kept in
    its data directory; others need none.

    Raises:
        KeystoreError: there is no keystore, or it cannot be used.
        SettingsError: a setting is wrong, or the data directory cannot be used.
    """
    settings = load_bot_settings({"keystore": keystore})
    keys = Keystore.load(settings.keystore)
    async with AsyncExitStack() as stack:
        quota = None
        if sends:
            directory = open_data_directory(settings.data_root, keys.app_id)
            quota = QuotaLimiter(directory / "quota", settings.quota)
            stack.callback(quota.close)
        http = await stack.enter_async_context(open_http(Proxies(settings.proxy)))
        yield Service(settings, keys, http, make_rest(settings, keys, http, quota))
