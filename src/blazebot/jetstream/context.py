"""Where NATS is and how to sign in there: an address, or a context file as the `nats` command has.

A context file keeps secrets out of addresses, and so out of lists of processes.
"""

from __future__ import annotations

import ssl
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from blazebot.errors import EngineError

SCHEMES: Final = ("nats", "tls", "ws", "wss")

_FORM: Final = (
    "engine: write nats://host:4222, several with commas between, or the path of a context file "
    "(.json)"
)
_ENDS: Final = (
    "engine: an address ends with its host and port (1 to 65535); in a user or password write %23 "
    "for #, %2F for /, %3F for ?, %5B for [ and %2C for a comma"
)


class Context(msgspec.Struct):
    """How to reach NATS. ``url`` may be several addresses, separated by commas.

    ``creds`` is the path of a credentials file, which needs the package ``nkeys``; ``ca``, ``cert``
    and ``key`` are those of PEM files. ``tls_first`` is for a server that wants TLS before it says
    anything (``handshake_first``). What is empty is not used.

    Raises:
        EngineError: an address is none, or may not go with the rest; it is not repeated, since what
            is not understood may be a password.
    """

    url: str
    user: str = ""
    password: str = ""
    token: str = ""
    creds: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    tls_first: bool = False

    def __post_init__(self) -> None:
        schemes = {one.scheme for one in self._addresses()}
        if "ws" in schemes and self.asks_for_tls:
            raise EngineError("engine: ws:// has no TLS: write wss:// where it is asked for")

    def __repr__(self) -> str:
        return f"Context({', '.join(self.hosts)})"

    @property
    def servers(self) -> list[str]:
        """The addresses without what is secret in them."""
        return [f"{one.scheme}://{_host(one)}" for one in self._addresses()]

    @property
    def hosts(self) -> list[str]:
        """The hosts and ports of the addresses, for people."""
        return [_host(one) for one in self._addresses()]

    @property
    def asks_for_tls(self) -> bool:
        """Whether something asks for TLS: then nothing goes without, to whichever address."""
        schemes = {one.scheme for one in self._addresses()}
        files = (self.ca, self.cert, self.key)
        return self.tls_first or any(files) or not schemes.isdisjoint(("tls", "wss"))

    def options(self) -> dict[str, Any]:
        """Return how to sign in, as the client takes it.

        Raises:
            EngineError: a file cannot be used, or addresses differ in user or password.
        """
        if self.creds and find_spec("nkeys") is None:
            raise EngineError("creds: these need the package nkeys: pip install nkeys")
        options: dict[str, Any] = {"tls_handshake_first": self.tls_first} | self._sign_in()
        if self.creds:
            options["user_credentials"] = self.creds
        if self.ca or self.cert:
            options["tls"] = self._tls()
        return options

    def _sign_in(self) -> dict[str, str]:
        own = {"user": self.user, "password": self.password, "token": self.token}
        if any(own.values()):
            return {name: one for name, one in own.items() if one}
        # Not left to the client: it would send them as they are encoded, and not to nodes that it
        # has learnt of.
        found = {(one.username, one.password) for one in self._addresses() if one.username}
        if len(found) > 1:
            raise EngineError("engine: user and password are to be the same in all addresses")
        for user, password in found:
            if password is None:
                return {"token": unquote(user)}
            return {"user": unquote(user), "password": unquote(password)}
        return {}

    def _addresses(self) -> list[SplitResult]:
        return [_read_address(one.strip()) for one in self.url.split(",")]

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            if self.cert:
                context.load_cert_chain(self.cert, self.key or None)
        except OSError as error:
            raise EngineError(f"ca, cert, key of {self}: cannot be used: {error}") from None
        return context


def read_context(engine: str) -> Context:
    """Return what the setting ``engine`` says: an address, or the path of a context file.

    Raises:
        EngineError: it is neither, or the file cannot be read.
    """
    return _read_file(engine) if engine.endswith(".json") else Context(engine)


def _read_address(text: str) -> SplitResult:
    try:
        address = urlsplit(text)
        _ = address.port
    except ValueError:
        raise EngineError(_ENDS) from None
    if address.scheme not in SCHEMES or not address.hostname:
        raise EngineError(_FORM)
    if address.port == 0 or address.path not in ("", "/") or address.query or address.fragment:
        raise EngineError(_ENDS)
    return address


def _host(address: SplitResult) -> str:
    return address.netloc.rpartition("@")[2]


def _read_file(path: str) -> Context:
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Context)
    except OSError as error:
        raise EngineError(f"engine: {path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EngineError(f"engine: {path} is no context file: {error}") from None
