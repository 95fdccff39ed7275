"""The quota against one that remembers every message."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from blazebot.sandbox.rules.quota import Quota

WINDOW = 60.0
WIDTH = WINDOW / 600

Sends = list[tuple[float, int]]

SENDS = st.lists(
    st.tuples(
        # The seconds between two sends: most are where something may tip.
        st.one_of(
            st.sampled_from([0.0, WIDTH, WIDTH / 2, 1.0, 30.0, WINDOW, WINDOW + WIDTH, 600.0]),
            st.floats(0, 2 * WINDOW, allow_subnormal=False),
        ),
        st.integers(1, 12),
    ),
    max_size=80,
)


def taken(
    sends: Sends, limit: int, quota: Quota | None = None, began: float = 1e6
) -> list[tuple[float, int, bool]]:
    """Send so many messages after so many seconds; return when, how many, and whether taken."""
    quota, now, outcomes = quota or Quota(limit, WINDOW), began, []
    for pause, count in sends:
        now += pause
        has_room = quota.has_room(count, now)
        if has_room:
            quota.take(count, now)
        outcomes.append((now, count, has_room))
    return outcomes


def count_within(outcomes: list[tuple[float, int, bool]], since: float) -> int:
    return sum(count for at, count, was_taken in outcomes if was_taken and at >= since)


@given(SENDS, st.integers(1, 40))
def test_no_window_has_more_than_the_limit(sends: Sends, limit: int) -> None:
    outcomes = taken(sends, limit)
    for number, (at, _, _) in enumerate(outcomes):
        assert count_within(outcomes[: number + 1], at - WINDOW) <= limit


@given(SENDS, st.integers(1, 40))
def test_nothing_is_refused_that_has_room(sends: Sends, limit: int) -> None:
    outcomes = taken(sends, limit)
    for number, (at, count, was_taken) in enumerate(outcomes):
        if not was_taken:  # but for what is about to leave the window
            before = count_within(outcomes[:number], at - WINDOW - WIDTH - 1e-6)
            assert before + count > limit


@given(st.lists(st.floats(0, 0.3), max_size=3000))
def test_memory_is_bounded(pauses: list[float]) -> None:
    quota, now = Quota(10**9, WINDOW), 0.0
    for pause in pauses:
        now += pause
        quota.used(now)
        quota.take(1, now)
    assert len(quota._parts) <= 601
    assert all(b.began - a.began >= WIDTH for a, b in pairwise(quota._parts))


class FixedWindow(Quota):
    """Begins anew with each minute, as a quota that is easier to write."""

    def used(self, now: float) -> int:
        if self._parts and now // WINDOW > self._parts[0].began // WINDOW:
            self._parts.clear()
            self._used = 0
        return self._used


def test_the_check_fails_for_a_quota_that_begins_anew_with_each_minute() -> None:
    sends = [(0.0, 1), (WINDOW - 1, 10), (2.0, 10)]
    outcomes = taken(sends, 11, FixedWindow(11, WINDOW), began=0.0)
    assert count_within(outcomes, outcomes[-1][0] - WINDOW) > 11


def test_a_rate_just_within_the_limit_is_never_refused() -> None:
    # 1,666 a second of 100,000 a minute, ten times a second, for three minutes.
    sends = [(0.1, 166)] * 1800
    assert all(was_taken for _, _, was_taken in taken(sends, 100_000))


def test_a_burst_is_let_go_when_it_is_older_than_the_window() -> None:
    sends = [(0.0, 10), (0.0, 1), (WINDOW, 1), (1e-3, 10)]
    assert [was_taken for _, _, was_taken in taken(sends, 10)] == [True, False, False, True]
