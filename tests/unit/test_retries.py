"""How often and when a failed handler is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.delivery.retries import RetryPolicy


def highest(_low: float, high: float) -> float:
    return high


def test_pauses_double_up_to_the_cap_and_tries_end() -> None:
    policy = RetryPolicy(8, 1000.0, highest)
    pauses = [policy.next_try(tries, 0.0, 0.0) for tries in range(1, 9)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, None]


def test_the_window_ends_tries_too() -> None:
    policy = RetryPolicy(5, 60.0, highest)
    assert policy.next_try(1, 0.0, 59.5) == 60.0
    assert policy.next_try(1, 0.0, 59.6) is None


@pytest.mark.parametrize("tries", [1, 2])
def test_a_policy_of_one_try_tries_once(tries: int) -> None:
    assert RetryPolicy(1, 60.0, highest).next_try(tries, 0.0, 0.0) is None


@given(
    tries=st.integers(1, 100),
    limit=st.integers(1, 100),
    first_failure=st.floats(0, 1e6),
    later=st.floats(0, 100),
    chance=st.floats(0, 1),
)
def test_the_next_try_lies_in_the_upper_half_of_the_pause_and_in_the_window(
    tries: int, limit: int, first_failure: float, later: float, chance: float
) -> None:
    policy = RetryPolicy(limit, 60.0, lambda low, high: low + chance * (high - low))
    now = first_failure + later
    again = policy.next_try(tries, first_failure, now)
    pause = min(10.0, 0.5 * 2.0 ** (tries - 1))
    if again is None:
        assert tries >= limit or now + pause - first_failure > 60.0
    else:
        assert tries < limit
        assert now + pause / 2 <= again <= now + pause
        assert again - first_failure <= 60.0
