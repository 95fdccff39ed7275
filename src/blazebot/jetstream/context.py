"""Where NATS is and how to sign in there: an address, or a context file as the `nats` command has.

A context file keeps secrets out of addresses, and so out of lists of processes.
"""

from __future__ import annotations

import ssl
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from blazebot.errors import EngineError

SCHEMES: Final = ("nats", "tls", "ws", "wss")


class Context(msgspec.Struct):
    """How to reach NATS. ``url`` may be several addresses, separated by commas.

    ``creds`` is the path of a credentials file, which needs the package ``nkeys``; ``ca``, ``cert``
    and ``key`` are those of PEM files. What is empty is not used.
    """

    url: str
    user: str = ""
    password: str = ""
    token: str = ""
    creds: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""

    def __repr__(self) -> str:
        return f"Context({', '.join(self.hosts)})"

    @property
    def servers(self) -> list[str]:
        """The addresses."""
        return [one.strip() for one in self.url.split(",")]

    @property
    def hosts(self) -> list[str]:
        """The addresses without what is secret in them."""
        return [urlsplit(server).netloc.rpartition("@")[2] for server in self.servers]

    def options(self) -> dict[str, Any]:
        """Return how to sign in, as the client takes it.

        Raises:
            EngineError: a file cannot be used.
        """
        if self.creds and find_spec("nkeys") is None:
            raise EngineError("creds: these need the package nkeys: pip install nkeys")
        options = {
            "user": self.user,
            "password": self.password,
            "token": self.token,
            "user_credentials": self.creds,
        }
        given: dict[str, Any] = {name: one for name, one in options.items() if one}
        if self.ca or self.cert:
            given["tls"] = self._tls()
        return given

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
    context = _read_file(engine) if engine.endswith(".json") else Context(engine)
    for server in context.servers:
        if urlsplit(server).scheme not in SCHEMES or not urlsplit(server).hostname:
            raise EngineError(
                "engine: write nats://host:4222, several with commas between, or the path of a "
                "context file (.json)"
            )
    return context


def _read_file(path: str) -> Context:
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Context)
    except OSError as error:
        raise EngineError(f"engine: {path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EngineError(f"engine: {path} is no context file: {error}") from None
