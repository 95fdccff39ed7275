"""When and where to connect next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from blazebot.client.reconnects import CONTESTED_DELAY, SHORT_LIVED, Reconnects


def highest(_low: float, high: float) -> float:
    return high


def make_reconnects(*urls: str) -> Reconnects:
    return Reconnects(urls or ("one", "two"), base=0.5, cap=30.0, uniform=highest)


def live(reconnects: Reconnects, seconds: float, *, at: float = 0.0) -> None:
    reconnects.opened(at)
    reconnects.lost(at + seconds)


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    reconnects = make_reconnects()
    delays = [reconnects.lost(0.0).delay for _ in range(8)]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_weeks_of_failures_do_not_overflow() -> None:
    reconnects = make_reconnects()
    for _ in range(5000):
        assert 0.5 <= reconnects.lost(0.0).delay <= 30.0


@given(st.integers(1, 20), st.floats(0, 1))
def test_jitter_is_full(failures: int, chance: float) -> None:
    drawn = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return low + chance * (high - low)

    reconnects = Reconnects(("one",), base=0.5, cap=30.0, uniform=uniform)
    for _ in range(failures):
        again = reconnects.lost(0.0)
    low, high = drawn[-1]
    assert low == 0.0
    assert high == min(30.0, 0.5 * 2 ** (failures - 1))
    assert 0.0 <= again.delay <= high


def test_a_host_that_does_not_open_gives_way_to_the_alternate_in_turn() -> None:
    reconnects = make_reconnects()
    assert reconnects.url == "one"
    assert [reconnects.lost(0.0).url for _ in range(3)] == ["two", "one", "two"]
    assert reconnects.url == "two"


def test_a_host_that_served_is_kept() -> None:
    reconnects = make_reconnects()
    reconnects.opened(0.0)
    again = reconnects.lost(1000.0)
    assert (again.url, again.delay, again.contested) == ("one", 0.5, False)


def test_a_long_lived_line_ends_the_backoff() -> None:
    reconnects = make_reconnects()
    for _ in range(6):
        reconnects.lost(0.0)
    reconnects.opened(0.0)
    assert reconnects.lost(SHORT_LIVED).delay == 0.5


def test_three_short_lived_lines_running_are_contested_until_one_lives() -> None:
    reconnects = make_reconnects()
    contested = []
    for start in (0.0, 100.0, 200.0, 300.0):
        reconnects.opened(start)
        contested.append(reconnects.lost(start + SHORT_LIVED - 0.1))
    assert [one.contested for one in contested] == [False, False, True, True]
    assert contested[2].delay == CONTESTED_DELAY == 60.0
    assert contested[2].url == "one"
    live(reconnects, SHORT_LIVED)
    reconnects.opened(500.0)
    assert not reconnects.lost(501.0).contested


def test_a_session_that_cannot_connect_is_not_contested() -> None:
    reconnects = make_reconnects()
    for _ in range(3):
        live(reconnects, 1.0)
        live(reconnects, 1.0)
        assert not reconnects.lost(10.0).contested


def test_a_line_that_we_dropped_ourselves_counts_for_nothing() -> None:
    reconnects = make_reconnects()
    for _ in range(10):
        reconnects.opened(0.0)
        reconnects.dropped()
    reconnects.opened(0.0)
    again = reconnects.lost(1.0)
    assert not again.contested
    assert again.delay == 0.5
    # The time of the dropped line's opening is not the next one's.
    reconnects.opened(0.0)
    reconnects.dropped()
    assert reconnects.lost(1.0).url == "two"
