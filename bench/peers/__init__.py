"""Other clients for the service, unmodified, at the floor's work: what ``--peers`` adds.

They are those of ``interop/``, where ``make interop`` installs them. Each only receives: to send an
echo they need conversations and endpoints that the stub does not have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["BOTS", "LIMIT", "MESSAGES", "PEERS", "Peer"]

BOTS: Final = Path(__file__).parent.parent.parent / "interop" / "bots"
"""Where they are installed, each in a folder of its own."""

MESSAGES: Final = 2_000
"""Messages of one run: with more some lose their line, or the messages."""

LIMIT: Final = 30.0
"""Seconds for one run."""


class Peer(NamedTuple):
    """A client: the module of ``bench`` that runs it, and what is there if it is installed."""

    name: str
    module: str
    installed: Path

    @property
    def is_installed(self) -> bool:
        """Whether it can be run."""
        return self.installed.exists()


PEERS: Final = (
    Peer("Node SDK", "bench.peers.node_sdk", BOTS / "node-sdk" / "node_modules"),
    Peer("mixinsdk", "bench.peers.python_sdk", BOTS / "mixinsdk" / ".venv"),
)
