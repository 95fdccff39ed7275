"""The clients: how each is installed and run, and what it knows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from interop.samples import CATEGORIES

__all__ = ["CLIENTS", "Client", "Installation"]

_BOTS: Final = Path(__file__).parent / "bots"


@dataclass(frozen=True)
class Installation:
    """What is installed into a private folder, which git ignores.

    ``commands`` are run there when ``manifest`` is newer than what they made, and without one
    always: they find out for themselves. ``program`` is what they need; where it is missing an
    ``optional`` client is left out.
    """

    folder: Path
    program: str
    manifest: str | None
    commands: tuple[tuple[str, ...], ...]
    optional: bool = False


@dataclass(frozen=True)
class Client:
    """A shipped client; its bot has a keystore of the form ``keys``.

    ``sends`` are the categories that it has a way to send, ``lacks`` the steps that are not for it,
    such as encryption that it does not have. One client breaks by itself now and then, the more so
    the nearer the service is: ``distance`` is how many seconds late it is answered, ``attempts``
    how often it may try.
    """

    name: str
    installation: Installation
    command: tuple[str, ...]
    keys: str
    sends: tuple[str, ...]
    lacks: frozenset[str]
    distance: float = 0.0
    attempts: int = 1


def _npm(folder: str) -> Installation:
    return Installation(
        _BOTS / folder,
        program="npm",
        manifest="package-lock.json",
        commands=(("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"),),
    )


_MIXINSDK: Final = Installation(
    _BOTS / "mixinsdk",
    program=sys.executable,
    manifest="requirements.txt",
    commands=(
        (sys.executable, "-m", "venv", ".venv"),
        (
            *(".venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"),
            *("-r", "requirements.txt"),
        ),
    ),
)
_MIXINSDK_BOT: Final = (
    str(_MIXINSDK.folder / ".venv/bin/python"),
    str(_MIXINSDK.folder / "bot.py"),
)
_MIXINSDK_SENDS: Final = tuple(
    category for category in CATEGORIES if category not in ("PLAIN_DATA", "PLAIN_LOCATION")
)
_MIXINSDK_LACKS: Final = frozenset({"recall", "refusal", "join", "code", "encrypted"})

_MIXINSDK_DISTANCE: Final = 0.05
_MIXINSDK_ATTEMPTS: Final = 3
"""It writes to its line from another thread than the one that reads it. Where both happen at once,
TLS is upset: frames are lost, the line breaks, and now and then the process."""

_GO: Final = Installation(
    _BOTS / "go",
    program="go",
    manifest=None,
    commands=(("go", "build", "-o", "bin/", "./..."),),
    optional=True,
)

CLIENTS: Final = (
    Client(
        "node-sdk",
        _npm("node-sdk"),
        ("node", str(_BOTS / "node-sdk/bot.mjs")),
        keys="app",
        sends=CATEGORIES,
        lacks=frozenset({"encrypted", "decrypt"}),
    ),
    Client(
        "mixinsdk",
        _MIXINSDK,
        _MIXINSDK_BOT,
        keys="ed25519",
        sends=_MIXINSDK_SENDS,
        lacks=_MIXINSDK_LACKS,
        distance=_MIXINSDK_DISTANCE,
        attempts=_MIXINSDK_ATTEMPTS,
    ),
    Client(
        "mixinsdk-rsa",
        _MIXINSDK,
        _MIXINSDK_BOT,
        keys="rsa",
        sends=_MIXINSDK_SENDS,
        lacks=_MIXINSDK_LACKS | {"decrypt"},
        distance=_MIXINSDK_DISTANCE,
        attempts=_MIXINSDK_ATTEMPTS,
    ),
    Client(
        "mixin-node-sdk",
        _npm("mixin-node-sdk"),
        ("node", str(_BOTS / "mixin-node-sdk/bot.mjs")),
        keys="ed25519",
        sends=CATEGORIES,
        lacks=frozenset({"join", "code", "refusal"}),
    ),
    Client(
        "bot-api-go-client",
        _GO,
        (str(_GO.folder / "bin/official"),),
        keys="ed25519",
        sends=CATEGORIES,
        lacks=frozenset(
            {"refusal", "participants", "join", "fetch", "friends", "decrypt", "encrypted"}
        ),
    ),
    Client(
        "fox-one-mixin-sdk-go",
        _GO,
        (str(_GO.folder / "bin/fox-one"),),
        keys="ed25519",
        sends=CATEGORIES,
        lacks=frozenset({"join"}),
    ),
)
"""All of them, the official ones of each language first."""
