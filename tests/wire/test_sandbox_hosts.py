"""The hosts file while a sandbox runs with ``--apply``: what it adds goes, however it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from subprocess import CompletedProcess

import psutil
import pytest

from blazebot.sandbox.impersonation.hosts_entries import applied
from blazebot.sandbox.impersonation.hosts_file import add_entries, marked_processes
from blazebot.testing.processes import SandboxProcess
from blazebot.wire.hosts import SERVICE_HOSTS
from tests.command_line import forked
from tests.wire.impersonated import Impersonator, running
from tests.wire.sandbox_peers import DEADLINE

BEFORE = b"127.0.0.1 localhost\r\n# mine\n\n10.0.0.1\tdb\n"
GONE = 2**22 + 1
"""No process: more than the system's highest number."""


class Hosts:
    """A hosts file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(BEFORE)

    @property
    def text(self) -> bytes:
        return self.path.read_bytes()

    @text.setter
    def text(self, text: bytes) -> None:
        self.path.write_bytes(text)

    @property
    def identity(self) -> tuple[int, int]:
        """By which it is still the same file."""
        status = self.path.stat()
        return status.st_ino, status.st_mode

    @property
    def owner(self) -> psutil.Process:
        """The sandbox that has entries."""
        (number,) = marked_processes(self.text)
        return psutil.Process(number)


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path / "hosts")


@pytest.fixture
async def sandbox(tmp_path: Path, hosts: Hosts) -> AsyncIterator[Impersonator]:
    process = Impersonator(tmp_path, "--apply")
    async with running(process):
        yield process


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def command(hosts: Hosts, *arguments: str) -> CompletedProcess[str]:
    """Run ``blazebot sandbox``, which is to end by itself."""
    return forked(
        hosts.path.parent,
        *("sandbox", "--port", "0", *arguments),
        BLAZEBOT_SANDBOX_HOSTS_FILE=str(hosts.path),
    )


def refused(hosts: Hosts) -> str:
    """What a sandbox says that does not start with ``--apply``."""
    ca_dir = str(hosts.path.with_name("refused"))
    ended = command(hosts, "--impersonate", "--tls-port", "0", "--ca-dir", ca_dir, "--apply")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr


async def test_the_names_lead_to_it_until_it_ends(sandbox: Impersonator, hosts: Hosts) -> None:
    identity = hosts.identity
    lines = hosts.text.removeprefix(BEFORE).decode().splitlines()
    names = [line.partition(" #")[0].split() for line in lines]
    assert names[0] == ["127.0.0.1", *SERVICE_HOSTS]
    assert all(more == ["::1", *SERVICE_HOSTS] for more in names[1:])
    watchers = hosts.owner.children()
    assert len(watchers) == 1
    assert (sandbox.ca_dir / "hosts.backup").read_bytes() == BEFORE

    assert await sandbox.stop() == 0
    assert hosts.text == BEFORE
    assert hosts.identity == identity
    assert not watchers[0].is_running()


async def test_they_go_when_its_terminal_ends(sandbox: Impersonator, hosts: Hosts) -> None:
    (watcher,) = hosts.owner.children()
    os.killpg(hosts.owner.pid, signal.SIGKILL)  # the sandbox has a group of its own
    await sandbox.wait()
    await until(lambda: hosts.text == BEFORE)
    await until(lambda: not watcher.is_running())


async def test_they_go_when_it_is_killed_and_what_others_added_stays(
    sandbox: Impersonator, hosts: Hosts
) -> None:
    hosts.text += b"10.0.0.2 cache"
    await sandbox.kill()
    await until(lambda: hosts.text == BEFORE + b"10.0.0.2 cache")


async def test_one_that_starts_again_at_once_has_its_own(
    sandbox: Impersonator, hosts: Hosts
) -> None:
    killed = hosts.owner.pid
    await sandbox.kill()
    await sandbox.start()
    assert hosts.owner.pid != killed
    await sandbox.stop()
    assert hosts.text == BEFORE


async def test_those_of_a_living_one_stay_until_it_is_told_otherwise(
    sandbox: Impersonator, hosts: Hosts, tmp_path: Path
) -> None:
    before = hosts.text
    assert f"another sandbox (process {hosts.owner.pid}): stop that one" in refused(hosts)
    assert hosts.text == before
    (tmp_path / "next").mkdir()
    plain = SandboxProcess(
        tmp_path / "next", environment={"BLAZEBOT_SANDBOX_HOSTS_FILE": str(hosts.path)}
    )
    async with running(plain):
        assert hosts.text == before
    assert command(hosts, "--unapply").returncode == 0
    assert hosts.text == BEFORE
    assert await sandbox.stop() == 0


async def orphaned(sandbox: Impersonator, hosts: Hosts) -> None:
    """End a sandbox and its watcher at once, as a loss of power does."""
    (watcher,) = hosts.owner.children()
    watcher.suspend()
    await sandbox.kill()
    watcher.kill()
    assert hosts.text != BEFORE


async def test_the_next_start_removes_what_a_loss_of_power_left(
    sandbox: Impersonator, hosts: Hosts, tmp_path: Path
) -> None:
    await orphaned(sandbox, hosts)
    (tmp_path / "next").mkdir()
    plain = SandboxProcess(
        tmp_path / "next", environment={"BLAZEBOT_SANDBOX_HOSTS_FILE": str(hosts.path)}
    )
    async with running(plain):
        assert hosts.text == BEFORE


def test_who_adds_entries_removes_those_of_the_dead(hosts: Hosts, tmp_path: Path) -> None:
    hosts.text = add_entries(BEFORE, [f"127.0.0.1 {SERVICE_HOSTS[0]}"], GONE)
    with applied(hosts.path, SERVICE_HOSTS, ["127.0.0.1"], backup=tmp_path / "backup"):
        assert hosts.owner.pid == os.getpid()
    assert hosts.text == BEFORE


async def test_unapply_removes_what_a_loss_of_power_left(
    sandbox: Impersonator, hosts: Hosts
) -> None:
    await orphaned(sandbox, hosts)
    ended = command(hosts, "--unapply")
    assert ended.returncode == 0, ended.stderr
    assert "removed" in ended.stdout
    assert hosts.text == BEFORE
    ended = command(hosts, "--unapply")
    assert ended.returncode == 0, ended.stderr
    assert "no entries" in ended.stdout


@pytest.mark.parametrize("address", ["10.0.0.7", "fd00::7"])
def test_a_name_that_leads_elsewhere_already_is_refused(hosts: Hosts, address: str) -> None:
    before = BEFORE + f"{address} x blaze.mixin.one\n".encode()
    hosts.text = before
    assert f"line 5: blaze.mixin.one is mapped to {address}" in refused(hosts)
    assert hosts.text == before


def test_a_file_that_is_not_there_is_said(hosts: Hosts) -> None:
    hosts.path.unlink()
    assert "BLAZEBOT_SANDBOX_HOSTS_FILE" in refused(hosts)


def test_there_is_nothing_to_apply_without_the_names(hosts: Hosts) -> None:
    ended = command(hosts, "--apply")
    assert ended.returncode == 1
    assert re.search(r"apply: .*impersonate", ended.stderr)


async def test_who_may_not_change_it_is_told_of_what_is_left(tmp_path: Path, hosts: Hosts) -> None:
    before = hosts.text = add_entries(BEFORE, [f"127.0.0.1 {SERVICE_HOSTS[0]}"], GONE)
    hosts.path.chmod(0o444)
    process = SandboxProcess(tmp_path, environment={"BLAZEBOT_SANDBOX_HOSTS_FILE": str(hosts.path)})
    async with running(process):
        pass
    if os.geteuid() == 0:  # may change it all the same
        assert hosts.text == BEFORE
    else:
        assert hosts.text == before
        assert "sudo blazebot sandbox --unapply" in process.log
