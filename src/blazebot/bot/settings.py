"""The settings of a bot, each with its default and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from blazebot.client.attachments import DOWNLOAD_LIMIT
from blazebot.client.proxies import Proxies
from blazebot.errors import SettingsError
from blazebot.settings import load_settings
from blazebot.wire.limits import BATCH_LIMIT, FRAME_LIMIT, MIB

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]

TABLE = "bot"
PREFIX = "BLAZEBOT_"


class BotSettings(msgspec.Struct, kw_only=True, frozen=True):
    """How a bot runs. Times are in seconds, sizes in bytes."""

    keystore: str | None = None
    """Path of the keystore, or its JSON text."""
    server: str | None = None
    """One address for REST and Blaze, such as a sandbox's: ``http://127.0.0.1:7777``."""
    api_urls: tuple[str, ...] = ("https://api.mixin.one", "https://mixin-api.zeromesh.net")
    """REST addresses, the preferred first (section 1)."""
    blaze_urls: tuple[str, ...] = (
        "wss://blaze.mixin.one/",
        "wss://mixin-blaze.zeromesh.net/",
    )
    """Blaze addresses, the preferred first (section 1)."""
    proxy: str | None = None
    """Proxy for REST, socket and attachments: ``http://``, ``https://`` or ``socks5://`` (the
    extra ``socks``). Without it the environment says: ``HTTPS_PROXY``, ``HTTP_PROXY``,
    ``ALL_PROXY`` and ``NO_PROXY``."""
    data_dir: str | None = None
    """Where bots keep their state; by default the user's data directory."""

    handler_timeout: Seconds = 60.0
    """How long a handler may run."""
    request_timeout: Seconds = 10.0
    """How long one try of a request may take."""
    send_timeout: Seconds = 120.0
    """How long sending a message may take, reconnects included."""
    stop_grace: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    """How long running handlers may go on after the bot was told to stop."""
    open_timeout: Seconds = 60.0
    """How long ``async with bot`` waits for the line to open."""
    heartbeat: Seconds = 15.0
    """Between two pings; without an answer within half of it the line is lost."""

    concurrency: Count = 256
    """Handlers that run at once."""
    max_tries: Count = 5
    """Tries of a handler before its message becomes a dead letter."""
    retry_window: Seconds = 60.0
    """Within which, from its first failure on, a message is tried again."""
    inbox_limit: Count = 10_000
    """Messages at hand, in total; beyond it they are let go and asked for again."""
    inbox_bytes: Count = 64 * MIB
    """What the messages at hand hold, in bytes of base64; beyond it they are let go too."""
    conversation_limit: Count = 1_000
    """Messages at hand in one conversation."""
    remembered_ids: Count = 200_000
    """Ids of handled messages that are remembered."""
    remember_for: Seconds = 600.0
    """How long ids are remembered once their acknowledgement is confirmed."""
    receipt_batch: Annotated[int, msgspec.Meta(ge=1, le=BATCH_LIMIT)] = BATCH_LIMIT
    """Receipts that go out together at once."""
    receipt_delay: Seconds = 0.05
    """After which fewer go out too."""
    encrypt: Literal["reply", "auto", "always", "never"] = "reply"
    """When messages are encrypted: if the answered one was, if all of the recipient's sessions can
    read it, always (an error if they cannot), or never."""
    download_limit: Count = DOWNLOAD_LIMIT
    """An attachment that is downloaded."""
    frame_limit: Annotated[int, msgspec.Meta(ge=1024)] = FRAME_LIMIT
    """A frame once inflated; larger ones are skipped."""

    def __repr__(self) -> str:
        # A keystore given as its text, and a proxy's password, are secrets.
        names = (name for name in self.__struct_fields__ if name not in ("keystore", "proxy"))
        return f"BotSettings({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    @property
    def rest_addresses(self) -> tuple[str, ...]:
        """The REST addresses in force."""
        return (self.server.rstrip("/"),) if self.server else self.api_urls

    @property
    def blaze_addresses(self) -> tuple[str, ...]:
        """The Blaze addresses in force."""
        if not self.server:
            return self.blaze_urls
        return ("ws" + self.server.removeprefix("http").rstrip("/") + "/",)


def load_bot_settings(
    arguments: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> BotSettings:
    """Return settings from ``arguments`` over ``BLAZEBOT_*`` over ``[bot]`` in blazebot.toml.

    Raises:
        SettingsError: a value is unknown or malformed; the message names where it stands.
    """
    settings = load_settings(
        BotSettings, table=TABLE, prefix=PREFIX, arguments=arguments, environment=environment
    )
    _check_addresses("server", (settings.server,) if settings.server else (), ("http", "https"))
    _check_addresses("api_urls", settings.api_urls, ("http", "https"))
    _check_addresses("blaze_urls", settings.blaze_urls, ("ws", "wss"))
    Proxies(settings.proxy)
    return settings


def _check_addresses(name: str, urls: tuple[str, ...], schemes: tuple[str, ...]) -> None:
    if not urls and name != "server":
        raise SettingsError(f"{name}: at least one address is needed")
    for url in urls:
        try:
            parts = urlsplit(url)
            good = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:
            good = False
        if not good or any(one.isspace() for one in url):
            raise SettingsError(
                f"{name}: {url!r} should start with {' or '.join(f'{s}://' for s in schemes)} "
                "and name a host, perhaps with a port"
            )
