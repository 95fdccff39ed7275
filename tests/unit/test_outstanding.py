"""Requests that wait for their answer, matched by id."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from blazebot.client.outstanding import Outstanding, OutstandingRequests


def make_request(
    name: str, *, deadline: float = 120.0, repeated: bool = True, written_at: float | None = 0.0
) -> Outstanding[str]:
    return Outstanding(name.encode(), name, deadline, repeated, written_at)


def make_requests(*requests: Outstanding[str]) -> OutstandingRequests[str]:
    outstanding: OutstandingRequests[str] = OutstandingRequests(try_timeout=10.0)
    for request in requests:
        outstanding.add(request.waiter, request)
    return outstanding


def names(requests: list[Outstanding[str]]) -> list[str]:
    return [request.waiter for request in requests]


def test_an_answer_finds_its_request_once() -> None:
    one, two = make_request("one"), make_request("two")
    requests = make_requests(one, two)
    assert requests.answered("two") is two
    assert requests.answered("two") is None
    assert requests.answered("other") is None
    assert "one" in requests
    assert len(requests) == 1


def test_a_dropped_request_is_forgotten() -> None:
    requests = make_requests(make_request("one"))
    requests.dropped("one")
    requests.dropped("one")
    assert requests.answered("one") is None


def test_with_the_line_single_requests_end_and_repeated_ones_are_to_be_written_again() -> None:
    requests = make_requests(
        make_request("one"), make_request("single", repeated=False), make_request("two")
    )
    assert requests.unwritten() == []
    assert names(requests.lost()) == ["single"]
    assert names(requests.unwritten()) == ["one", "two"]
    assert requests.lost() == []


def test_a_try_that_timed_out_is_due_again_and_a_late_answer_to_it_counts() -> None:
    request = make_request("one")
    requests = make_requests(request, make_request("single", repeated=False))
    assert requests.due(9.9).again == []
    assert names(requests.due(10.0).again) == ["one"]
    request.written_at = 10.0
    assert requests.due(19.9).again == []
    assert requests.answered("one") is request


def test_what_is_not_written_is_not_due_again() -> None:
    assert make_requests(make_request("one", written_at=None)).due(50.0).again == []


def test_at_its_deadline_a_request_is_given_up_once() -> None:
    requests = make_requests(
        make_request("single", deadline=10.0, repeated=False), make_request("one", written_at=None)
    )
    assert names(requests.due(10.0).expired) == ["single"]
    assert names(requests.due(120.0).expired) == ["one"]
    assert requests.due(1000.0).expired == []
    assert len(requests) == 0


def test_abandoned_all_are_dropped() -> None:
    requests = make_requests(make_request("one"), make_request("single", repeated=False))
    assert names(requests.abandoned()) == ["one", "single"]
    assert len(requests) == 0


@given(
    st.lists(
        st.tuples(st.floats(0, 200), st.booleans(), st.none() | st.floats(0, 100)), max_size=20
    ),
    st.floats(0, 300),
)
def test_each_request_is_either_given_up_or_kept(
    drawn: list[tuple[float, bool, float | None]], now: float
) -> None:
    made = [
        make_request(str(index), deadline=deadline, repeated=repeated, written_at=written_at)
        for index, (deadline, repeated, written_at) in enumerate(drawn)
    ]
    requests = make_requests(*made)
    due = requests.due(now)
    assert due.expired == [one for one in made if one.deadline <= now]
    kept = [one for one in made if one.waiter in requests]
    assert kept == [one for one in made if one.deadline > now]
    assert all(one in kept and one.repeated for one in due.again)
