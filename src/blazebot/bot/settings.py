"""The settings of a bot, each with its default and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import platformdirs
from yarl import URL

from blazebot.client.proxies import Proxies
from blazebot.errors import SettingsError
from blazebot.settings import load_settings
from blazebot.watch.guard import Address, is_loopback
from blazebot.wire.hosts import API_HOSTS, BLAZE_HOSTS
from blazebot.wire.limits import BATCH_LIMIT, DOWNLOAD_LIMIT, FRAME_LIMIT, MIB, QUOTA_PER_MINUTE

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
    api_urls: tuple[str, ...] = tuple(f"https://{host}" for host in API_HOSTS)
    """REST addresses, the preferred first (section 1)."""
    blaze_urls: tuple[str, ...] = tuple(f"wss://{host}/" for host in BLAZE_HOSTS)
    """Blaze addresses, the preferred first (section 1)."""
    proxy: str | None = None
    """Proxy for REST, socket and attachments: ``http://``, ``https://`` or ``socks5://`` (the
    extra ``socks``). Without it the environment says: ``HTTPS_PROXY``, ``HTTP_PROXY``,
    ``ALL_PROXY`` and ``NO_PROXY``."""
    button_key: Annotated[str, msgspec.Meta(min_length=16)] | None = None
    """What buttons are signed with, a secret, the same wherever the bot runs. Without it a key is
    made in the data directory."""
    data_dir: str | None = None
    """Where bots keep their state; by default the user's data directory."""

    engine: str | None = None
    """Where NATS is, for bots that several processes serve: ``nats://host:4222``, its cluster's
    nodes separated by commas. Without it one process does."""
    engine_partitions: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 128
    """How many messages of different conversations all workers of the bot together handle at once,
    at most. It stays as it was when the engine was first used."""
    engine_replicas: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    """On how many nodes of a NATS cluster everything is kept: 3 survives the loss of one."""

    handler_timeout: Seconds = 60.0
    """How long a handler may run."""
    request_timeout: Seconds = 10.0
    """How long one try of a request may take."""
    send_timeout: Seconds = 120.0
    """How long sending a message may take, reconnects included."""
    quota: Annotated[int, msgspec.Meta(ge=60)] = QUOTA_PER_MINUTE
    """Messages that the service takes from the bot in a minute, from all its processes together;
    the same for each of them."""
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
    dead_letters_limit: Count = 10_000
    """Dead letters that are kept; the oldest make room."""
    dead_letters_bytes: Count = 256 * MIB
    """What they may hold, in bytes."""
    dead_letters_keep: Seconds = 30 * 24 * 3600.0
    """How long they are kept."""
    profile_ttl: Seconds = 600.0
    """How long the profile of who wrote to the bot is taken from memory."""
    job_grace: Annotated[float, msgspec.Meta(ge=0)] = 3600.0
    """How late a run of a repeated job that was missed is made up for."""
    job_concurrency: Count = 16
    """Jobs that run at once."""
    encrypt: Literal["reply", "auto", "always", "never"] = "reply"
    """When messages are encrypted: if the answered one was, if all of the recipient's sessions can
    read it, always (an error if they cannot), or never."""
    download_limit: Count = DOWNLOAD_LIMIT
    """An attachment that is downloaded."""
    frame_limit: Annotated[int, msgspec.Meta(ge=1024)] = FRAME_LIMIT
    """A frame once inflated; larger ones are skipped."""

    watch_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    """Port of the HTTP endpoint with metrics and health, for bots that are run by ``run``; 0 picks
    a free one. Without it there is no endpoint."""
    watch_host: str = "127.0.0.1"
    """Address that it listens on."""
    watch_token: str = ""
    """What it asks for, a secret; beyond loopback it cannot do without."""
    watch_allow_hosts: tuple[str, ...] = ()
    """Further names that it may be addressed by."""
    mailbox: bool = False
    """Whether what comes is kept for a while and served, with sending, at the address of the
    endpoint to ``blazebot mcp``, for bots that are run by ``run``."""
    mailbox_limit: Count = 1_000
    """Messages that are kept so; those that were read make room first."""
    mailbox_token: str = ""
    """What is asked for there, a secret. Without it one is made at each start, which programs of
    the same user find in the data directory."""
    log_format: Literal["text", "json"] = "text"
    """The form of the log, for bots that are run by ``run`` where logging is not set up already."""
    traces: bool = False
    """Whether each message is a span of OpenTelemetry (the extra ``otel``)."""

    def __repr__(self) -> str:
        # A keystore given as its text, and a proxy's password, are secrets.
        secrets = ("keystore", "proxy", "engine", "button_key", "watch_token", "mailbox_token")
        names = (name for name in self.__struct_fields__ if name not in secrets)
        return f"BotSettings({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    @property
    def data_root(self) -> Path:
        """Where the data directories of bots are."""
        if self.data_dir:
            return Path(self.data_dir)
        return platformdirs.user_data_path("blazebot", appauthor=False)

    @property
    def watch_address(self) -> Address | None:
        """Where the endpoint listens; None where there is none."""
        if self.watch_port is None and not self.mailbox:
            return None
        return Address(
            self.watch_host, self.watch_port or 0, self.watch_token, self.watch_allow_hosts
        )

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


class BotOptions(TypedDict, total=False):
    """Settings as arguments of :class:`Bot`, :func:`run` and the like.

    Each means what it does in :class:`~blazebot.bot.settings.BotSettings`. The keystore is an
    argument of its own.
    """

    server: str | None
    api_urls: tuple[str, ...]
    blaze_urls: tuple[str, ...]
    proxy: str | None
    button_key: str | None
    data_dir: str | Path | None
    engine: str | None
    engine_partitions: int
    engine_replicas: int
    handler_timeout: float
    request_timeout: float
    send_timeout: float
    quota: int
    stop_grace: float
    open_timeout: float
    heartbeat: float
    concurrency: int
    max_tries: int
    retry_window: float
    inbox_limit: int
    inbox_bytes: int
    conversation_limit: int
    remembered_ids: int
    remember_for: float
    receipt_batch: int
    receipt_delay: float
    dead_letters_limit: int
    dead_letters_bytes: int
    dead_letters_keep: float
    profile_ttl: float
    job_grace: float
    job_concurrency: int
    encrypt: Literal["reply", "auto", "always", "never"]
    download_limit: int
    frame_limit: int
    watch_port: int | None
    watch_host: str
    watch_token: str
    watch_allow_hosts: tuple[str, ...]
    mailbox: bool
    mailbox_limit: int
    mailbox_token: str
    log_format: Literal["text", "json"]
    traces: bool


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
    if not is_loopback(settings.watch_host) and not settings.watch_token:
        raise SettingsError(
            f"watch_host: {settings.watch_host} can be reached from other machines: set watch_token"
        )
    if settings.mailbox and settings.engine:
        raise SettingsError("mailbox: it is for bots that one process serves, without engine")
    return settings


def _check_addresses(name: str, urls: tuple[str, ...], schemes: tuple[str, ...]) -> None:
    if not urls and name != "server":
        raise SettingsError(f"{name}: at least one address is needed")
    for url in urls:
        check_address(name, url, schemes)


def check_address(name: str, url: str, schemes: tuple[str, ...] = ("http", "https")) -> None:
    """Refuse what is no address of a service; ``name`` says where it stands.

    Raises:
        SettingsError: it is none; the message never shows ``url``, which may hold a password.
    """
    if not _is_address(url, schemes):
        raise SettingsError(
            f"{name}: should start with {' or '.join(f'{s}://' for s in schemes)} and name a host, "
            "perhaps with a port; neither user, password, query nor fragment belong in it"
        )


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    if any(one in " @?#\\" or not one.isprintable() for one in url):
        return False
    try:
        parts = URL(url)
        # As when it is resolved: an empty label, or one of more than 63 bytes, is refused here.
        host = (parts.host or "").encode("idna")
        port = parts.port
    except ValueError:
        return False
    return url.partition("://")[0] in schemes and bool(host) and port != 0
