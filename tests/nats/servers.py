"""Real nats-server processes on loopback: one, or a cluster."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from blazebot.jetstream.connection import Client, NatsError
from blazebot.testing.processes import Process

STARTED = 30.0
"""Seconds within which a cluster has its leader."""

_WHERE = f"{os.environ.get('PATH', '')}:/usr/local/bin:/usr/bin:/usr/sbin"


def installed_nats_server() -> str:
    """Return the path of nats-server, installed by apt-get where it is missing."""
    found = shutil.which("nats-server", path=_WHERE)
    if found is None:
        for command in (["update", "-qq"], ["install", "-y", "-qq", "nats-server"]):
            subprocess.run(["apt-get", *command], check=True, stdout=subprocess.DEVNULL)  # noqa: S607
        found = shutil.which("nats-server", path=_WHERE)
    if found is None:
        raise RuntimeError("nats-server is missing: apt-get install nats-server")
    return found


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class NatsNode(Process):
    """One nats-server with JetStream; what it keeps stays over restarts."""

    def __init__(self, folder: Path, port: int, arguments: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            [
                *(installed_nats_server(), "-a", "127.0.0.1", "-p", str(port)),
                *("-js", "-sd", str(folder / "data"), *arguments),
            ],
            log=folder / "nats.log",
        )


class NatsServers:
    """One node, or three that are a cluster; ``url`` is that of all."""

    def __init__(self, folder: Path, count: int = 1, arguments: Sequence[str] = ()) -> None:
        ports, routes = free_ports(count), free_ports(count)
        self.url = ",".join(f"nats://127.0.0.1:{port}" for port in ports)
        cluster = ",".join(f"nats://127.0.0.1:{port}" for port in routes)
        self.nodes = [
            NatsNode(
                folder / f"node{number}",
                port,
                (*arguments, *(_in_cluster(number, route, cluster) if count > 1 else ())),
            )
            for number, (port, route) in enumerate(zip(ports, routes, strict=True))
        ]

    async def start(self) -> None:
        """Start all, and return when JetStream answers."""
        for node in self.nodes:
            await node.start()
        async with asyncio.timeout(STARTED):
            while not await self._answers():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End all; nothing is lost by SIGKILL that a test could still want."""
        for node in self.nodes:
            await node.kill()

    async def _answers(self) -> bool:
        client = Client()
        try:
            await client.connect(
                self.url.split(","),
                allow_reconnect=False,
                # It says at once, not after seconds, that nobody listens yet.
                reconnect_time_wait=0,
                max_reconnect_attempts=1,
                error_cb=_ignore,
            )
        except (NatsError, OSError):
            return False
        try:
            await client.jetstream().account_info()
        except NatsError:
            return False
        finally:
            await client.close()
        return True


def _in_cluster(number: int, route: int, cluster: str) -> tuple[str, ...]:
    name, own = f"node{number}", f"nats://127.0.0.1:{route}"
    return ("-n", name, "--cluster_name", "tests", "--cluster", own, "--routes", cluster)


async def _ignore(error: Exception) -> None:
    pass
