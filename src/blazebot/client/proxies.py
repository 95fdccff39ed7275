"""Proxies between the bot and the service: by setting, or by the environment."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.request import getproxies_environment, proxy_bypass

from yarl import URL

from blazebot.errors import SettingsError

__all__ = ["SCHEMES", "SOCKS_PORT", "Proxies", "is_socks", "parse_proxy"]

SCHEMES: Final = ("http", "https", "socks5", "socks5h")
"""Kinds of proxies. Both kinds of SOCKS look names up at the proxy."""

SOCKS_PORT: Final = 1080
"""Where a proxy is that does not say its port."""

_SOCKS: Final = "aiohttp_socks"  # the module of the extra
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
    return url if url.port else url.with_port(SOCKS_PORT)


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
        if proxy is not None and is_socks(proxy) and importlib.util.find_spec(_SOCKS) is None:
            raise SettingsError(
                "proxy: a SOCKS proxy needs the extra `socks`: pip install 'blazebot[socks]'"
            )
        return proxy

    def check(self, urls: Iterable[str]) -> None:
        """Raise now what :meth:`of` would raise later for one of these addresses."""
        for url in urls:
            self.of(url)


def is_socks(proxy: URL) -> bool:
    """Tell whether a proxy is one of SOCKS."""
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
