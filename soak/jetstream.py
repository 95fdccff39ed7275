"""The processes of a run whose bot is served by several, over three nodes of NATS."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import aiohttp

from blazebot.testing.processes import Process
from soak.checker import FORGOTTEN, OVERTAKEN
from soak.world import TARGET, World
from tests.nats.servers import NatsServers, free_ports

__all__ = ["JetStreamWorld"]

_NODES: Final = 3
_WHOLE: Final = 60.0  # seconds for the nodes to catch up with each other
_ANSWERED: Final = 2.0
_PAUSE: Final = 0.5
_GATEWAYS: Final = ("gateway-1", "gateway-2")
_WORKERS: Final = ("worker-1", "worker-2")


class JetStreamWorld(World):
    """Two gateways, two workers, and a cluster of NATS of which one node at a time may be away."""

    engine = "jetstream"
    least_rate = 100.0
    least_burst_rate = 0.0  # eight processes share what cores there are: it is only measured
    excuses = (OVERTAKEN, FORGOTTEN)
    left_out = ("disk of NATS",)
    line_patience = 25.0

    def __init__(self, folder: Path, without: str = "") -> None:
        super().__init__(folder, without)
        self._nats = NatsServers(folder / "nats", _NODES)
        self._health: dict[str, str] = {}
        for number, (node, port) in enumerate(
            zip(self._nats.nodes, free_ports(_NODES), strict=True)
        ):
            node.command += ["-m", str(port)]
            self._health[f"nats-{number}"] = f"http://127.0.0.1:{port}/healthz"
            self.processes[f"nats-{number}"] = node

    async def start_service(self) -> None:
        """Start everything but the bot."""
        await super().start_service()
        await self._nats.start()
        self.versions["nats-server"] = await _version(next(iter(self._health.values())))

    @property
    def holders(self) -> tuple[str, ...]:
        """The gateways, of which one holds the bot's line."""
        return _GATEWAYS

    @property
    def workers(self) -> tuple[str, ...]:
        """The workers."""
        return _WORKERS

    async def can_spare(self, name: str) -> bool:
        """Tell whether a node may go: the two others have to have everything, as each says."""
        if name not in self._health:
            return True
        deadline = time.monotonic() + _WHOLE
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_ANSWERED)) as http:
            while time.monotonic() < deadline:
                if all([await _is_whole(http, url) for url in self._health.values()]):
                    return True
                await asyncio.sleep(_PAUSE)
        return False

    def _statuses_of_end(self, name: str) -> tuple[int, ...]:
        return (0, 1) if name in self._health else super()._statuses_of_end(name)

    def _bot_processes(self) -> dict[str, Process]:
        settings = {
            "BLAZEBOT_ENGINE": self._nats.url,
            "BLAZEBOT_ENGINE_REPLICAS": str(_NODES),
            "BLAZEBOT_ENGINE_PARTITIONS": "64",
        }
        gateways = {name: self._command(name, "gateway", **settings) for name in _GATEWAYS}
        workers = {name: self._command(name, "worker", TARGET, **settings) for name in _WORKERS}
        return gateways | workers


async def _version(health_url: str) -> str:
    """Return what version a node is of."""
    timeout = aiohttp.ClientTimeout(_ANSWERED)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.get(health_url.replace("/healthz", "/varz")) as answer,
    ):
        return str((await answer.json())["version"])


async def _is_whole(http: aiohttp.ClientSession, url: str) -> bool:
    """Tell whether a node has caught up with all streams and consumers."""
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
