"""The HTTP session of a bot: what goes by it goes through its proxies."""

from __future__ import annotations

import ssl

import aiohttp
from aiohttp import hdrs
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from blazebot.client.coalescing import CoalescingWebSocket
from blazebot.client.proxies import SOCKS_PORT, Proxies, is_socks
from blazebot.wire.base64 import encode_padded_base64

__all__ = ["open_http"]


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
        if is_socks(proxy):
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
                proxy.port or SOCKS_PORT,
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
