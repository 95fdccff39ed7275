"""Our entries in the hosts file: others' lines stay, and no edit leaves it empty."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.errors import SandboxError
from blazebot.sandbox.impersonation.hosts_file import (
    Mapping,
    add_entries,
    edit_hosts_file,
    mapped_elsewhere,
    marked_processes,
    remove_entries,
)

ENTRIES = ["127.0.0.1 api.mixin.one blaze.mixin.one", "::1 api.mixin.one blaze.mixin.one"]
NAMES = ["api.mixin.one", "blaze.mixin.one"]
ADDRESSES = ["127.0.0.1", "::1"]

add = partial(add_entries, entries=ENTRIES, process=7)

lines = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([b"127.0.0.1 localhost", b"# a word", b"", b"10.0.0.1 db\t# blazebot"]),
    )
)
files = st.builds(
    lambda lines, end, last: end.join(lines) + last,
    lines,
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n", b"\r\n"]),
)


@given(files)
def test_what_others_wrote_stays_byte_by_byte(text: bytes) -> None:
    added = add(text)
    assert added.startswith(text)
    assert marked_processes(added) == {7}
    expected = text if text.endswith(b"\n") or not text else text + b"\n"
    assert remove_entries(added, 7) == expected
    assert remove_entries(added) == expected


@given(files, files)
def test_lines_that_others_add_meanwhile_stay(before: bytes, after: bytes) -> None:
    added = add(before)
    ours = added[len(before) :]
    assert remove_entries(added + after) == added[: -len(ours)] + (
        b"\n" if before and not before.endswith(b"\n") else b""
    ) + remove_entries(after)


def test_adding_twice_is_adding_once() -> None:
    once = add(b"127.0.0.1 localhost\n")
    assert add(once) == once
    assert once == (
        b"127.0.0.1 localhost\n"
        b"127.0.0.1 api.mixin.one blaze.mixin.one # blazebot sandbox, process 7\n"
        b"::1 api.mixin.one blaze.mixin.one # blazebot sandbox, process 7\n"
    )


def test_only_the_entries_of_one_process_go() -> None:
    both = add_entries(add(b""), ENTRIES, 8)
    assert marked_processes(both) == {7, 8}
    assert remove_entries(both, 7) == add_entries(b"", ENTRIES, 8)


def test_entries_are_found_after_their_line_ends_were_changed() -> None:
    assert remove_entries(add(b"").replace(b"\n", b"\r\n")) == b""


def test_names_that_lead_elsewhere_are_found() -> None:
    text = b"10.0.0.1 db API.mixin.one\n127.0.0.1 api.mixin.one\n#1.2.3.4 api.mixin.one\n"
    text += b"fe80::1\tx blaze.mixin.one # mine\n"
    assert mapped_elsewhere(add(text), NAMES, ADDRESSES) == [
        Mapping(1, "10.0.0.1", "API.mixin.one"),
        Mapping(4, "fe80::1", "blaze.mixin.one"),
    ]


def test_the_file_stays_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(b"127.0.0.1 localhost")
    path.chmod(0o640)
    before = path.stat()
    edit_hosts_file(path, add)
    assert path.read_bytes() == add(b"127.0.0.1 localhost")
    edit_hosts_file(path, remove_entries)
    assert path.read_bytes() == b"127.0.0.1 localhost\n"
    after = path.stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


class Killed(BaseException):
    """What ends an edit in its middle."""


OTHERS = b"127.0.0.1 localhost\n10.0.0.1 db\n"
AFTER = b"10.0.0.2 cache\n10.0.0.3 queue\n"
EDITS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "add": (OTHERS, add),
    "remove": (add(OTHERS), remove_entries),
    "remove before others": (add(OTHERS) + AFTER, remove_entries),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("broken", ["pwrite", "ftruncate", "fsync"])
def test_an_edit_that_is_killed_leaves_the_old_lines_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, broken: str
) -> None:
    old, change = EDITS[name]
    path = tmp_path / "hosts"
    path.write_bytes(old)

    def killed(*_: object) -> int:
        raise Killed

    monkeypatch.setattr(os, broken, killed)
    with pytest.raises(Killed):
        edit_hosts_file(path, change)
    left = path.read_bytes().splitlines()
    assert [line for line in left if line] in (old.splitlines(), change(old).splitlines())


def test_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(OTHERS)
    pwrite, room = os.pwrite, len(OTHERS) + 5

    def into_little_room(file: int, data: bytes, offset: int) -> int:
        if offset >= room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(file, data[: room - offset], offset)

    monkeypatch.setattr(os, "pwrite", into_little_room)
    with pytest.raises(SandboxError, match="No space left"):
        edit_hosts_file(path, add)
    assert path.read_bytes() == OTHERS


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="BLAZEBOT_SANDBOX_HOSTS_FILE"):
        edit_hosts_file(tmp_path / "none", add)


def test_who_may_not_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:  # root may open anything
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SandboxError, match=r"as root \(sudo\)"):
        edit_hosts_file(tmp_path / "hosts", add)
