"""The sandbox under the service's own names: for clients that have these compiled in.

Such a client needs three things: the names lead here, by the hosts file; the port is 443; and it
trusts our certificate authority.
"""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import platformdirs
from aiohttp import web

from blazebot.sandbox.impersonation.hosts_entries import applied, entries
from blazebot.sandbox.impersonation.tls import open_authority, server_context
from blazebot.sandbox.impersonation.trust import write_trust_files
from blazebot.sandbox.listeners import Listener, has_ipv6_loopback
from blazebot.sandbox.settings import SandboxSettings
from blazebot.wire.hosts import SERVICE_HOSTS

__all__ = ["Impersonation"]

_IPV4: Final = "127.0.0.1"
_IPV6: Final = "::1"
"""Without an entry for it some resolvers would ask for the service's real IPv6 address."""

_REST_VARIABLES: Final = ("MIXIN_SDK_API_HOST", "MIXIN_API_HOST_URL")
_BLAZE_VARIABLES: Final = ("MIXIN_SDK_BLAZE_URL", "MIXIN_BLAZE_HOST_URL")
"""By which two SDKs in Go are given other addresses, without TLS too [C]."""


class Impersonation:
    """What a sandbox needs beside its usual listener to be taken for the service.

    Made, it has its certificate and has written the files by which clients trust it.

    Raises:
        SandboxError: the authority's directory cannot be used; the message says what to do.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._directory = (
            Path(settings.ca_dir)
            if settings.ca_dir
            else platformdirs.user_data_path("blazebot", appauthor=False) / "ca"
        ).absolute()
        now = datetime.now(UTC)
        authority = open_authority(self._directory, SERVICE_HOSTS, now=now)
        self._context = server_context(authority, SERVICE_HOSTS, now=now)
        self._trust = write_trust_files(self._directory, authority.pem, os.environ)
        self._addresses = [_IPV4, _IPV6] if has_ipv6_loopback() else [_IPV4]
        self._applied = ExitStack()

    def listener(self, app: web.Application) -> Listener:
        """Return the listener by TLS, on loopback only."""
        self._listener = Listener(
            app,
            self._addresses,
            self._settings.tls_port,
            self._settings,
            option="--tls-port",
            context=self._context,
        )
        return self._listener

    def apply(self) -> None:
        """Have the hosts file lead here until :meth:`close`.

        Raises:
            SandboxError: see :func:`~blazebot.sandbox.impersonation.hosts_entries.applied`.
        """
        path = Path(self._settings.hosts_file)
        backup = self._directory / "hosts.backup"
        self._applied.enter_context(applied(path, SERVICE_HOSTS, self._addresses, backup=backup))

    def close(self) -> None:
        """Take our entries out of the hosts file, if they are there.

        Raises:
            SandboxError: the file cannot be changed any more; the message says what to do.
        """
        self._applied.close()

    def instructions(self, url: str) -> list[str]:
        """Return what to tell clients, as lines for a shell; ``url`` is the usual listener's."""
        certificate, bundle = (shlex.quote(str(path)) for path in self._trust)
        blaze_url = "ws" + url.removeprefix("http")
        return [
            f"# The service's own names, by TLS on port {self._listener.port} of "
            f"{' and '.join(self._addresses)}.",
            *self._hosts_instructions(),
            *self._reading_instructions(),
            "# Clients trust it by its certificate authority: Node; OpenSSL, Go, Ruby and most of",
            "# Python; requests; curl.",
            f"export NODE_EXTRA_CA_CERTS={certificate}",
            f"export SSL_CERT_FILE={bundle}",
            f"export REQUESTS_CA_BUNDLE={bundle}",
            f"export CURL_CA_BUNDLE={bundle}",
            "# Java has a store of its own; into a copy of it ($JAVA_HOME/lib/security/cacerts):",
            "#   keytool -importcert -noprompt -alias blazebot -storepass changeit -keystore COPY "
            f"-file {certificate}",
            "#   export JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=COPY",
            "# Two SDKs in Go are pointed elsewhere by variables, and then need none of this.",
            *(f"export {name}={url.rstrip('/')}" for name in _REST_VARIABLES),
            *(f"export {name}={blaze_url}" for name in _BLAZE_VARIABLES),
        ]

    def _reading_instructions(self) -> list[str]:
        if "SUDO_USER" not in os.environ or self._directory.stat().st_mode & 0o005 == 0o005:
            return []
        return [
            f"# Only root can read {self._directory}: for clients of others, make a directory",
            "# that they can read, and pass it with --ca-dir. The key in it stays private.",
        ]

    def _hosts_instructions(self) -> list[str]:
        path = shlex.quote(self._settings.hosts_file)
        if self._settings.apply:
            return [f"# {path} leads here until the sandbox ends."]
        return [
            f"# {path} has to lead here; as root, --apply sees to that while the sandbox runs.",
            f"sudo tee -a {path} >/dev/null <<'END'",
            *entries(SERVICE_HOSTS, self._addresses),
            "END",
        ]
