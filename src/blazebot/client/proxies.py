"""Proxies between the bot and the service: by setting, or by the environment."""

from __future__ import annotations

import importlib.util
import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp
from aiohttp import hdrs
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from blazebot.client.coalescing import CoalescingWebSocket
from blazebot.errors import SettingsError
from blazebot.wire.base64 import encode_padded_base64

__all__ = ["SCHEMES", "Proxies", "open_http", "parse_proxy"]

SCHEMES: Final = ("http", "https", "socks5", "socks5h")
"""Kinds of proxies. Both kinds of SOCKS look names up at the proxy."""

_SOCKS: Final = "aiohttp_socks"  # the module of the extra
_SOCKS_PORT: Final = 1080
_SECURE: Final = frozenset({"https", "wss"})


def parse_proxy(text: str, source: str) -> URL:
    """Return the address of a proxy, such as ``http://user:password@host:3128``.

    Without a scheme it is an HTTP proxy. ``source`` says where ``text`` stands.

    Raises:
        SettingsError: it is none; the message never shows ``text``, which may hold a password.
    """
    try:
        url = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        url = URL()
    if url.scheme not in SCHEMES or not url.host or " " in url.host:
        raise SettingsError(
            f"{source}: should be the address of a proxy: host and port after one of "
            f"{', '.join(f'{scheme}://' for scheme in SCHEMES)}"
        )
    return url if url.port else url.with_port(_SOCKS_PORT)


class Proxies:
    """Which proxy an address is reached through.

    ``proxy`` stands for every address. Without it the environment says: ``HTTPS_PROXY``,
    ``HTTP_PROXY``, and ``ALL_PROXY`` for what the other does not cover, unless ``NO_PROXY``
    exempts the host; addresses on this machine's loopback never go through such a proxy.

    Raises:
        SettingsError: ``proxy`` is not the address of a proxy.
    """

    def __init__(self, proxy: str | None = None) -> None:
        self._proxy = parse_proxy(proxy, "proxy") if proxy else None

    def of(self, url: str | URL) -> URL | None:
        """Return the proxy for an HTTP or WebSocket address, or None for a direct connection.

        Raises:
            SettingsError: the environment does not name a proxy, or it is a SOCKS proxy and the
                extra for that is not installed.
        """
        proxy = self._proxy or _from_environment(URL(url))
        if proxy is not None and _is_socks(proxy) and importlib.util.find_spec(_SOCKS) is None:
            raise SettingsError(
                "proxy: a SOCKS proxy needs the extra `socks`: pip install 'blazebot[socks]'"
            )
        return proxy

    def check(self, urls: Iterable[str]) -> None:
        """Raise now what :meth:`of` would raise later for one of these addresses."""
        for url in urls:
            self.of(url)


def open_http(
    proxies: Proxies | None = None, *, tls: ssl.SSLContext | None = None
) -> aiohttp.ClientSession:
    """Return a session whose requests and sockets all pass through their proxies.

    ``tls`` says which certificates count; without it those that the system trusts. The session
    sets no deadlines of its own. Close it after use.
    """
    return aiohttp.ClientSession(
        connector=_ProxyConnector(proxies or Proxies(), tls=tls),
        timeout=aiohttp.ClientTimeout(total=None),
        ws_response_class=CoalescingWebSocket,
    )


class _ProxyConnector(aiohttp.TCPConnector):
    """Connects through the proxy of each address, so that no caller can forget it."""

    def __init__(self, proxies: Proxies, *, tls: ssl.SSLContext | None) -> None:
        self._trusted: ssl.SSLContext | bool = True if tls is None else tls
        super().__init__(ssl=self._trusted)
        self._proxies = proxies
        self._by_socks: dict[URL, aiohttp.TCPConnector] = {}

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as the class above has it
    ) -> Connection:
        proxy = self._proxies.of(req.url)
        if proxy is None:
            return await super().connect(req, traces, timeout)
        if _is_socks(proxy):
            return await self._connect_by_socks(proxy, req, traces, timeout)
        who = {}
        if proxy.user is not None:
            words = encode_padded_base64(f"{proxy.user}:{proxy.password or ''}".encode())
            who[hdrs.PROXY_AUTHORIZATION] = f"Basic {words}"
        if not req.is_ssl():
            req.headers.update(who)  # no CONNECT: the proxy reads the request itself
        req.update_proxy(proxy.with_user(None), None, who)
        return await super().connect(req, traces, timeout)

    async def _connect_by_socks(
        self,
        proxy: URL,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> Connection:
        from aiohttp_socks import (  # noqa: PLC0415 - an optional extra
            ProxyConnectionError,
            ProxyConnector,
            ProxyError,
            ProxyTimeoutError,
        )

        connector = self._by_socks.get(proxy)
        if connector is None:
            connector = ProxyConnector(
                proxy.host or "",
                proxy.port or _SOCKS_PORT,
                username=proxy.user,
                password=proxy.password,
                rdns=True,
                ssl=self._trusted,
            )
            self._by_socks[proxy] = connector
        try:
            return await connector.connect(req, traces, timeout)
        except (ProxyError, ProxyConnectionError, ProxyTimeoutError) as error:
            reason = OSError(f"SOCKS proxy {proxy.host}:{proxy.port}: {error}")
            raise aiohttp.ClientProxyConnectionError(req.connection_key, reason) from None

    async def close(self, *, abort_ssl: bool = False) -> None:
        for connector in self._by_socks.values():
            await connector.close(abort_ssl=abort_ssl)
        await super().close(abort_ssl=abort_ssl)


def _is_socks(proxy: URL) -> bool:
    return proxy.scheme.startswith("socks")


def _from_environment(url: URL) -> URL | None:
    host = url.host or ""
    if _is_loopback(host):
        return None
    proxies = getproxies_environment()
    scheme = "https" if url.scheme in _SECURE else "http"
    name = scheme if proxies.get(scheme) else "all"
    if not proxies.get(name) or proxy_bypass(host):
        return None
    return parse_proxy(proxies[name], f"environment variable {name.upper()}_PROXY")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
