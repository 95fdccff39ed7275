"""What leaves never passes the quota, whatever processes, crashes and clocks do."""

from __future__ import annotations

import asyncio
import fcntl
import tempfile
from array import array
from collections.abc import Iterator
from math import floor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blazebot.delivery import limiter as limiter_module
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.delivery.quota import CELLS, LATE, LEASE, MINUTE, SHARE, Allowance, QuotaState
from blazebot.errors import NotRunning, RequestError, SettingsError

QUOTAS = st.one_of(st.sampled_from([60, 600, 1000, 5000, 20_000, 100_000]), st.integers(60, 10**6))

PAUSES = st.one_of(
    st.sampled_from([0.0, LEASE / 2, LEASE, 1.0, MINUTE / 2, MINUTE - 0.01, MINUTE, 600.0]),
    st.floats(0, 5, allow_subnormal=False),
    st.floats(0, 2 * MINUTE, allow_subnormal=False),
)

Left = list[tuple[float, int]]
"""When how many messages left."""


def most_in_a_minute(left: Left) -> int:
    """Return the most messages that left in any 60 seconds."""
    most = held = first = 0
    for at, count in left:
        held += count
        while at - left[first][0] > MINUTE:
            held -= left[first][1]
            first += 1
        most = max(most, held)
    return most


class Clock:
    """Real time, and what the machine's clock says: less, since its last start."""

    def __init__(self) -> None:
        self.real = self._started_at = 0.0

    def __call__(self) -> float:
        return self.real - self._started_at

    def restart(self, uptime: float) -> None:
        self._started_at = self.real - min(uptime, self())


# The arithmetic


def test_the_check_finds_the_fullest_minute() -> None:
    assert most_in_a_minute([]) == 0
    assert most_in_a_minute([(0.0, 5), (30.0, 7), (60.0, 1), (60.1, 20), (90.2, 1)]) == 28


@given(QUOTAS)
def test_burst_and_a_minute_of_refill_are_within_the_share(quota: int) -> None:
    allowance = Allowance.of(quota)
    assert allowance.rate > 0
    assert 1 <= allowance.largest <= 100
    assert allowance.headroom + allowance.largest <= allowance.burst
    most = allowance.burst + allowance.rate * (MINUTE + LATE)
    assert most == pytest.approx(SHARE * quota)


def make_state(quota: int, now: float = 0.0) -> QuotaState:
    state = QuotaState(memoryview(array("d", bytes(8 * CELLS))), Allowance.of(quota))
    state.begin(now)
    return state


@given(
    QUOTAS,
    st.lists(
        st.tuples(PAUSES, st.integers(1, 100), st.booleans(), st.integers(1, 300)), max_size=30
    ),
)
def test_no_minute_has_more_and_no_wait_is_too_short(
    quota: int, takes: list[tuple[float, int, bool, int]]
) -> None:
    state, largest = make_state(quota), Allowance.of(quota).largest
    now, left = 0.0, []
    for pause, count, first, times in takes:
        now += pause
        for _ in range(times):
            wait = state.take(min(count, largest), now, first=first)
            if wait:
                now += wait + 1e-6
                assert not state.take(min(count, largest), now, first=first)
            left.append((now, min(count, largest)))
    assert most_in_a_minute(left) <= floor(SHARE * quota)


@pytest.mark.parametrize(("quota", "share"), [(1000, 0.85), (20_000, 0.93), (100_000, 0.93)])
def test_next_to_all_of_the_quota_is_used(quota: int, share: float) -> None:
    state, largest = make_state(quota), Allowance.of(quota).largest
    now, left = 0.0, 0
    while now < 10 * MINUTE:
        if wait := state.take(largest, now, first=False):
            now += wait + 0.001  # a timer is late
        else:
            left += largest
    assert left / 10 >= share * quota


def test_replies_find_room_while_all_others_wait() -> None:
    state, allowance = make_state(20_000), Allowance.of(20_000)
    now = 0.0
    for _ in range(20):
        while wait := state.take(100, now, first=False):
            now += wait + 1e-6
    headroom = int(allowance.headroom)
    assert not any(state.take(1, now, first=True) for _ in range(headroom))
    while not state.take(1, now, first=True):
        pass
    wait = state.take(1, now, first=True)
    assert wait <= 1 / allowance.rate
    assert state.take(1, now, first=False) > headroom / allowance.rate


def test_a_refusal_stops_all_and_begins_empty_and_longer_each_time_that_it_does_not_help() -> None:
    state = make_state(100_000)
    now = 100.0
    pauses = []
    for _ in range(8):
        state.refused(None, now)
        state.refused(None, now + 0.1)  # of what left before
        pauses.append(state.take(1, now, first=True))
        now += pauses[-1] + 0.1
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    assert state.take(100, now, first=False) > 1  # what is for replies has to come back first
    now += 10.0
    state.refused(None, now)
    assert state.take(1, now, first=True) == 1
    state.refused(7.0, now)
    assert state.take(1, now, first=True) == 7
    state.refused(3.0, now)
    assert state.take(1, now, first=True) == 7
    state.refused(1e6, now)
    assert state.take(1, now, first=True) == MINUTE


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 100)), max_size=50))
def test_what_was_used_is_what_left_in_the_last_sixty_seconds(sends: Left) -> None:
    state, now = make_state(1000), 1000
    left: Left = []
    for pause, messages in sends:
        now += int(pause)
        state.count(messages, now + 0.5)
        left.append((now, messages))
        assert state.used(now + 0.9) == sum(count for at, count in left if at > now - 60)
    assert state.used(now + 59) >= (left[-1][1] if left else 0)
    assert state.used(now + 60) == 0
    state.count(3, 5.0)  # the machine was started again
    assert state.used(5.0) == 3


def test_a_clock_that_began_anew_stops_nobody_for_long() -> None:
    state = make_state(1000, now=1e6)
    state.refused(30.0, 1e6)
    assert 0 < state.take(100, 10.0, first=False) < MINUTE
    assert not state.take(100, 10.0 + MINUTE, first=False)


# The file that processes share


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def flood(
    directory: Path, quota: int, acts: list[tuple[str, int, float, int]], *, shared: bool = True
) -> Left:
    """Let three processes do ``acts``; return what left.

    One that crashes has taken what it may not have sent, and is started anew.
    """
    clock = Clock()
    limiters: dict[int, QuotaLimiter] = {}

    def limiter(who: int) -> QuotaLimiter:
        if who not in limiters:
            path = directory / ("quota" if shared else f"quota-{who}")
            limiters[who] = QuotaLimiter(path, quota, clock=clock)
        return limiters[who]

    left: Left = []
    for act, who, pause, count in acts:
        clock.real += pause
        if act == "crash" and who in limiters:
            limiters.pop(who).close()
        elif act == "restart":
            for one in limiters.values():
                one.close()
            limiters.clear()
            clock.restart(pause)
        elif act == "refused":
            limiter(who).refused(None)
        elif act in ("one", "many"):
            size = 1 if act == "one" else min(count, limiter(who).largest)
            for _ in range(count * 5):
                if limiter(who).try_take(size, first=act == "one"):
                    left.append((clock.real, size))
                clock.real += 0.001
    for one in limiters.values():
        one.close()
    return left


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["one", "one", "many", "many", "crash", "restart", "refused"]),
        st.integers(0, 2),
        PAUSES,
        st.integers(1, 100),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([60, 1000, 5000, 20_000]), ACTS, st.booleans())
def test_processes_that_crash_and_machines_that_restart_pass_no_quota(
    quota: int, acts: list[tuple[str, int, float, int]], tells_boot: bool
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        if not tells_boot:
            patch.setattr(limiter_module, "_boot_id", lambda: "")
        assert most_in_a_minute(flood(Path(name), quota, acts)) <= floor(SHARE * quota)


def test_the_check_fails_for_processes_that_share_nothing(directory: Path) -> None:
    acts = [("many", who, 0.1, 100) for _ in range(300) for who in (0, 1)]
    assert most_in_a_minute(flood(directory, 5000, acts)) <= SHARE * 5000
    assert most_in_a_minute(flood(directory, 5000, acts, shared=False)) > 1.5 * 5000


def test_a_process_that_starts_again_has_no_more_than_is_free(directory: Path) -> None:
    clock = Clock()
    path = directory / "quota"

    def room() -> int:
        limiter = QuotaLimiter(path, 100_000, clock=clock)
        try:
            return sum(iter(lambda: limiter.try_take(1, first=True), False))
        finally:
            limiter.close()

    assert room() == 0  # of what left before it was here nothing is known
    clock.real += 1
    assert room() == pytest.approx(Allowance.of(100_000).rate, abs=2)
    assert room() == 0
    clock.real += 3600
    assert room() == pytest.approx(Allowance.of(100_000).burst, abs=1)


def test_after_a_start_of_the_machine_nothing_is_known(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    QuotaLimiter(directory / "quota", 1000, clock=clock).close()
    clock.real += 3600
    monkeypatch.setattr(limiter_module, "_boot_id", lambda: "another")
    limiter = QuotaLimiter(directory / "quota", 1000, clock=clock)
    assert not limiter.try_take(1, first=True)
    limiter.close()


def test_room_that_was_held_too_long_is_lost(directory: Path) -> None:
    clock = Clock()
    one, other = (QuotaLimiter(directory / "quota", 60, clock=clock) for _ in "ab")
    clock.real += 60
    assert one.try_take(1, first=True)
    assert one._leased == 1
    while other.try_take(1, first=True):
        pass
    clock.real += 2 * LEASE
    assert not one.try_take(1, first=True)
    one.close()
    other.close()


def test_all_processes_count_what_all_have_sent(directory: Path) -> None:
    clock = Clock()
    one, other = (QuotaLimiter(directory / "quota", 100_000, clock=clock) for _ in "ab")
    clock.real += 10
    for _ in range(50):
        assert one.try_take(1, first=True)
        assert one.used == one.used  # reading takes nothing
    assert other.try_take(100, first=False)
    assert one.used == 150
    clock.real += 1
    assert one.try_take(1, first=True)
    assert 151 <= other.used <= 152  # what the other holds and has not used counts
    assert one.used == 151
    assert other.try_take(1, first=True)
    assert other._leased
    clock.real += 2 * MINUTE
    assert other.used == 0  # what is left of its lease was counted long ago


def test_the_file_is_the_users_alone(directory: Path) -> None:
    QuotaLimiter(directory / "quota", 1000).close()
    assert (directory / "quota").stat().st_mode & 0o777 == 0o600
    with pytest.raises(SettingsError, match="data_dir"):
        QuotaLimiter(directory / "none" / "quota", 1000)


def test_a_file_that_is_not_ours_begins_anew(directory: Path) -> None:
    for content in (b"", b"x", b"\xff" * 4096):
        (directory / "quota").write_bytes(content)
        clock = Clock()
        limiter = QuotaLimiter(directory / "quota", 1000, clock=clock)
        assert not limiter.try_take(1, first=True)
        clock.real += 60
        assert limiter.try_take(100, first=False)
        limiter.close()


async def test_more_than_can_ever_leave_at_once_is_refused(directory: Path) -> None:
    limiter = QuotaLimiter(directory / "quota", 60)
    assert limiter.largest == 6
    with pytest.raises(RequestError, match="at most 6 at once with a quota of 60"):
        await limiter.take(7)
    limiter.close()
    with pytest.raises(NotRunning):
        await limiter.take(1)


async def test_replies_pass_those_who_wait_and_who_is_cancelled_holds_up_nobody(
    directory: Path,
) -> None:
    clock = Clock()
    here, there = (QuotaLimiter(directory / "quota", 6000, clock=clock) for _ in "ab")
    waiting = [asyncio.create_task(one.take(100)) for one in (here, there, here)]
    await asyncio.sleep(0)
    clock.real += 0.5
    async with asyncio.timeout(5):
        await asyncio.gather(*(one.take(1, first=True) for one in (here, there)))
    assert not any(task.done() for task in waiting)
    waiting[0].cancel()
    clock.real += 3600
    async with asyncio.timeout(5):
        await asyncio.wait(waiting[1:], return_when=asyncio.FIRST_COMPLETED)
        clock.real += 3600
        await asyncio.gather(*waiting[1:])


async def test_a_process_that_is_frozen_with_the_file_freezes_no_loop(directory: Path) -> None:
    clock = Clock()
    limiter = QuotaLimiter(directory / "quota", 1000, clock=clock)
    clock.real += 60
    with (directory / "quota").open() as frozen:
        fcntl.flock(frozen, fcntl.LOCK_EX)
        taking = asyncio.create_task(limiter.take(1, first=True))
        done, _ = await asyncio.wait([taking], timeout=0.05)
        assert not done
        limiter.refused(None)
    async with asyncio.timeout(5):
        await taking
