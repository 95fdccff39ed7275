"""``python -m interop``: shipped clients, unmodified, against the sandbox under its real names.

A line for each client and step; the last one is a JSON object, client by client. The status is 1 if
any of them failed. It needs root, for the hosts file and for port 443.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from blazebot.errors import SandboxError
from interop.clients import CLIENTS, Client
from interop.installing import InstallationFailed, install, is_possible
from interop.runs import Result, run
from interop.stage import open_stage


def prepare(client: Client) -> Result | None:
    """Install a client; return what there is to say of it where that is not possible."""
    installation = client.installation
    if installation.optional and not is_possible(installation):
        return Result(client.name, absent=f"{installation.program} is not installed")
    try:
        install(installation)
    except InstallationFailed as error:
        return Result(client.name, failures={"install": str(error)})
    return None


async def run_all(clients: Sequence[Client]) -> list[Result]:
    """Run clients one after another on one stage; a signal ends all of it in good order."""
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with tempfile.TemporaryDirectory(prefix="blazebot-interop-") as directory:
        try:
            async with open_stage(Path(directory)) as stage:
                return [await run(client, stage) for client in clients]
        except SandboxError as error:
            print(error, file=sys.stderr, flush=True)
            return [Result(client.name, failures={"sandbox": str(error)}) for client in clients]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    by_name = {client.name: client for client in CLIENTS}
    parser = argparse.ArgumentParser(prog="python -m interop", description=__doc__)
    parser.add_argument("client", nargs="*", help=f"of {', '.join(by_name)}; all by default")
    names = parser.parse_args(arguments).client or list(by_name)
    for name in names:
        if name not in by_name:
            parser.error(f"there is no client {name}: take some of {', '.join(by_name)}")
    results = {}
    for name in names:
        print(f"{name}: installing", flush=True)
        impossible = prepare(by_name[name])
        if impossible is not None:
            print(f"  {impossible.absent or impossible.failures['install']}", flush=True)
            results[name] = impossible
    ready = [by_name[name] for name in names if name not in results]
    try:
        results |= {result.name: result for result in asyncio.run(run_all(ready))}
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    print(msgspec.json.encode({name: results[name].document() for name in names}).decode())
    return 0 if all(result.ok for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
