"""The hosts file while a sandbox runs with ``--apply``: what it adds goes, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from blazebot.errors import SandboxError
from blazebot.sandbox.impersonation.hosts_entries import applied
from blazebot.sandbox.impersonation.hosts_file import add_entries, marked_processes
from blazebot.testing.processes import SandboxProcess
from blazebot.wire.hosts import SERVICE_HOSTS
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


def unapply(hosts: Hosts) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "blazebot", "sandbox", "--unapply"],
        env={**os.environ, "BLAZEBOT_SANDBOX_HOSTS_FILE": str(hosts.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


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


async def test_they_go_when_it_is_killed(sandbox: Impersonator, hosts: Hosts) -> None:
    await sandbox.kill()
    await until(lambda: hosts.text == BEFORE)


async def test_they_go_when_its_terminal_ends(sandbox: Impersonator, hosts: Hosts) -> None:
    (watcher,) = hosts.owner.children()
    os.killpg(hosts.owner.pid, signal.SIGKILL)  # the sandbox has a group of its own
    await sandbox.wait()
    await until(lambda: hosts.text == BEFORE)
    await until(lambda: not watcher.is_running())


async def test_what_others_add_meanwhile_stays(sandbox: Impersonator, hosts: Hosts) -> None:
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


async def test_a_second_one_is_refused(sandbox: Impersonator, hosts: Hosts, tmp_path: Path) -> None:
    before = hosts.text
    (tmp_path / "second").mkdir()
    second = Impersonator(tmp_path / "second", "--apply")
    second.set_environment(BLAZEBOT_SANDBOX_HOSTS_FILE=str(hosts.path))
    number = hosts.owner.pid
    with pytest.raises(SandboxError, match=rf"another sandbox \(process {number}\): stop that one"):
        async with running(second):
            pass
    assert await second.wait() == 1
    assert hosts.text == before


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


async def test_the_next_start_leaves_those_of_a_living_one(
    sandbox: Impersonator, hosts: Hosts, tmp_path: Path
) -> None:
    before = hosts.text
    (tmp_path / "next").mkdir()
    plain = SandboxProcess(
        tmp_path / "next", environment={"BLAZEBOT_SANDBOX_HOSTS_FILE": str(hosts.path)}
    )
    async with running(plain):
        assert hosts.text == before


def test_who_adds_entries_removes_those_of_the_dead(hosts: Hosts, tmp_path: Path) -> None:
    hosts.text = add_entries(BEFORE, [f"127.0.0.1 {SERVICE_HOSTS[0]}"], GONE)
    with applied(hosts.path, SERVICE_HOSTS, ["127.0.0.1"], backup=tmp_path / "backup"):
        assert hosts.owner.pid == os.getpid()
    assert hosts.text == BEFORE


async def test_unapply_removes_what_a_loss_of_power_left(
    sandbox: Impersonator, hosts: Hosts
) -> None:
    await orphaned(sandbox, hosts)
    ended = unapply(hosts)
    assert ended.returncode == 0, ended.stderr
    assert "removed" in ended.stdout
    assert hosts.text == BEFORE
    ended = unapply(hosts)
    assert ended.returncode == 0, ended.stderr
    assert "no entries" in ended.stdout


async def test_unapply_removes_those_of_a_living_one_too(
    sandbox: Impersonator, hosts: Hosts
) -> None:
    assert unapply(hosts).returncode == 0
    assert hosts.text == BEFORE
    assert await sandbox.stop() == 0


@pytest.mark.parametrize("address", ["10.0.0.7", "fd00::7"])
async def test_a_name_that_leads_elsewhere_already_is_refused(
    tmp_path: Path, hosts: Hosts, address: str
) -> None:
    before = BEFORE + f"{address} x blaze.mixin.one\n".encode()
    hosts.text = before
    process = Impersonator(tmp_path, "--apply")
    with pytest.raises(SandboxError, match=f"line 5: blaze.mixin.one is mapped to {address}"):
        async with running(process):
            pass
    assert await process.wait() == 1
    assert hosts.text == before


async def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    process = Impersonator(tmp_path, "--apply")
    with pytest.raises(SandboxError, match="BLAZEBOT_SANDBOX_HOSTS_FILE"):
        async with running(process):
            pass
    assert "Traceback" not in process.log


async def test_there_is_nothing_to_apply_without_the_names(tmp_path: Path) -> None:
    process = SandboxProcess(tmp_path, arguments=["--apply"])
    with pytest.raises(SandboxError, match=r"apply: .*impersonate"):
        async with running(process):
            pass


async def test_without_apply_the_file_is_not_touched(tmp_path: Path, hosts: Hosts) -> None:
    async with running(Impersonator(tmp_path)):
        assert hosts.text == BEFORE


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
