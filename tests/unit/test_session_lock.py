"""One process per session: refused in a second one, free when the first ends in any way."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from blazebot.delivery.session_lock import SessionLock, open_data_directory
from blazebot.errors import SessionInUse, SettingsError

HOLDER = """
import sys
from pathlib import Path
from blazebot.delivery.session_lock import SessionLock
lock = SessionLock(Path(sys.argv[1]), sys.argv[2])
lock.acquire()
lock.accepted("key")
sys.stdout.write("held")
sys.stdout.flush()
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), "session"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.read(4) == b"held"
            lock = SessionLock(tmp_path, "session")
            with pytest.raises(SessionInUse, match="stop the other process"):
                lock.acquire()
            other = SessionLock(tmp_path, "other session")
            other.acquire()
            other.release()
        finally:
            holder.kill()
            holder.wait()
        lock.acquire()
        assert lock.was_accepted("key")
        lock.release()


def test_within_a_process_too_and_free_after_release(tmp_path: Path) -> None:
    first, second = SessionLock(tmp_path, "session"), SessionLock(tmp_path, "session")
    first.acquire()
    with pytest.raises(SessionInUse):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_it_remembers_the_key_accepted_last(tmp_path: Path) -> None:
    lock = SessionLock(tmp_path, "session")
    assert not lock.was_accepted("key")
    lock.acquire()
    assert not lock.was_accepted("key")
    lock.accepted("a longer key")
    lock.accepted("key")
    lock.release()
    lock.acquire()
    assert lock.was_accepted("key")
    assert not lock.was_accepted("a longer key")
    lock.release()
    lock.accepted("other")
    lock.acquire()
    assert lock.was_accepted("key")
    lock.release()


def test_lock_and_directory_are_for_this_user_alone(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir(mode=0o755)
    directory = open_data_directory(tmp_path, "app")
    lock = SessionLock(directory, "session")
    lock.acquire()
    (file,) = directory.iterdir()
    lock.release()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="data_dir"):
        open_data_directory(tmp_path / "file", "app")


def test_the_lock_is_not_handed_to_programs_that_the_process_starts(tmp_path: Path) -> None:
    lock = SessionLock(tmp_path, "session")
    lock.acquire()
    assert lock._file is not None
    assert not os.get_inheritable(lock._file)
    lock.release()
