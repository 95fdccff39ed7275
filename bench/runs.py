"""One run: a stub and a client, each in a process of its own, led by lines on their pipes."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

import msgspec

from bench.measured import Cost
from bench.stub import Address, Outcome
from blazebot.keys.issue import issue_keystore

T = TypeVar("T")

_ROOT: Final = Path(__file__).parent.parent
_PATIENCE: Final = 30.0  # seconds for anything that a process does besides the work itself
_MADE: Final = 5_000  # messages that the stub makes in a second at the least, before it listens


class RunFailed(Exception):
    """A client did not do its work, or not as it should."""


class Run(msgspec.Struct):
    """What one run gave: CPU of the client per message, messages a second, memory at its peak.

    ``ready`` are the seconds from the start of the client's process until its line was open.
    ``latencies`` are seconds too, where messages came one at a time.
    """

    us: float
    rate: float
    peak_mb: float
    ready: float
    latencies: list[float]


async def run_once(
    module: str,
    work: str,
    messages: int,
    *,
    limit: float,
    client_does: str | None = None,
) -> Run:
    """Let ``module``, a client, do ``work`` once, in at most ``limit`` seconds.

    ``client_does`` lets the client do something else than the stub wants, to see it fail.

    Raises:
        RunFailed: the client ended early, was too slow, or left work undone.
    """
    try:
        return await _run(module, work, messages, limit, client_does or work)
    except TimeoutError:
        raise RunFailed(f"{work}: {module} or the stub does not answer") from None


async def _run(module: str, work: str, messages: int, limit: float, client_does: str) -> Run:
    service = ("bench.stub", work, str(messages), "--limit", str(limit))
    keystore = issue_keystore("ed25519", str(uuid4()), str(uuid4())).document
    environment = {"BLAZEBOT_KEYSTORE": msgspec.json.encode(keystore).decode()}
    async with child(service, **environment) as stub:
        address = await _read(stub, Address, within=_PATIENCE + messages / _MADE)
        environment["SSL_CERT_FILE"] = address.certificate
        task = (module, client_does, address.url, str(messages))
        began = time.perf_counter()
        async with child(task, **environment) as client:
            await announced(client)
            ready = time.perf_counter() - began
            _tell(stub)
            outcome = await _outcome(stub, client, limit)
            if outcome.faults:
                faults = ", ".join(f"{count} {fault}" for fault, count in outcome.faults.items())
                raise RunFailed(f"{work}: {module} with {messages} messages: {faults}")
            _tell(client)
            cost = await _read(client, Cost)
    us, rate = cost.cpu_seconds / messages * 1e6, messages / outcome.seconds
    return Run(us, rate, cost.peak_mb, ready, outcome.latencies)


async def _outcome(stub: Process, client: Process, limit: float) -> Outcome:
    reading = asyncio.ensure_future(_read(stub, Outcome, within=limit + _PATIENCE))
    ending = asyncio.ensure_future(client.wait())
    try:
        await asyncio.wait((reading, ending), return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            raise RunFailed(f"the client ended before its work, with status {ending.result()}")
        return await reading
    finally:
        reading.cancel()
        ending.cancel()


@asynccontextmanager
async def child(arguments: Sequence[str], **environment: str) -> AsyncIterator[Process]:
    """Start a module with arguments; at the end it may leave by itself, and is killed if not."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        stdin=PIPE,
        stdout=PIPE,
        cwd=_ROOT,
        env={**_own_environment(os.environ), **environment},
    )
    try:
        yield process
        _tell(process)
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` without settings of bots: these run with the default ones."""
    return {key: value for key, value in environment.items() if not key.startswith("BLAZEBOT_")}


def _tell(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.write(b"\n")


async def announced(process: Process, within: float = _PATIENCE) -> bytes:
    if process.stdout is None:
        raise RunFailed("no pipe")
    async with asyncio.timeout(within):
        line = await process.stdout.readline()
    if not line:
        raise RunFailed("a process ended before its work; see its errors above")
    return line


async def _read(process: Process, kind: type[T], within: float = _PATIENCE) -> T:
    return msgspec.json.decode(await announced(process, within), type=kind)
