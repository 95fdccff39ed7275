"""The inbox: each message once, in order, and never more than fits."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.delivery.inbox import HandledIds, Inbox, Verdict
from blazebot.wire.messages import DELIVERED, READ, MessageView


def view(conversation_id: str, message_id: str) -> MessageView:
    return MessageView(
        message_id=message_id, conversation_id=conversation_id, category="PLAIN_TEXT"
    )


def make_inbox(limit: int = 10, lane_limit: int = 10, awaited_limit: int = 10) -> Inbox:
    return Inbox(
        limit=limit,
        lane_limit=lane_limit,
        keep_ids=600.0,
        ids_limit=1000,
        awaited_limit=awaited_limit,
    )


def offer(inbox: Inbox, *message_ids: str) -> list[Verdict]:
    """Offer messages whose conversation is the first letter of their id."""
    return [inbox.offer(view(message_id[0], message_id)) for message_id in message_ids]


def handle(inbox: Inbox, status: str = READ) -> tuple[str, bool]:
    """Handle the next message; return its id and whether to ask again."""
    lane = inbox.next()
    assert lane is not None
    message_id = lane.items[0].view.message_id
    return message_id, inbox.finished(lane, status)


def handle_all(inbox: Inbox) -> list[str]:
    handled = []
    while inbox.ready:
        handled.append(handle(inbox)[0])
    return handled


def awaits(inbox: Inbox) -> bool:
    return inbox.awaits_repeats


def overflowed(inbox: Inbox) -> bool:
    return inbox.has_overflowed


ACCEPTED, AT_HAND, HANDLED, LET_GO = Verdict


def test_a_repeat_is_known_while_at_hand_and_once_handled() -> None:
    inbox = make_inbox()
    assert offer(inbox, "a1", "a1") == [ACCEPTED, AT_HAND]
    assert inbox.status("a1") is None
    handle(inbox, DELIVERED)
    assert offer(inbox, "a1") == [HANDLED]
    assert inbox.status("a1") == DELIVERED
    assert inbox.repeats == 2
    assert len(inbox) == 0


def test_one_lane_runs_one_message_at_a_time() -> None:
    inbox = make_inbox()
    offer(inbox, "a1", "a2", "b1")
    first, second = inbox.next(), inbox.next()
    assert first is not None
    assert second is not None
    assert inbox.next() is None
    inbox.finished(first, READ)
    assert handle(inbox)[0] == "a2"
    inbox.finished(second, READ)
    assert inbox.next() is None


def test_a_resting_lane_is_ready_again_when_its_time_has_come() -> None:
    inbox = make_inbox()
    offer(inbox, "a1", "a2", "b1")
    a = inbox.next()
    assert a is not None
    inbox.rest(a, until=5.0)
    assert handle(inbox)[0] == "b1"
    b = inbox.next()
    assert b is None
    assert inbox.wake(4.9) == 5.0
    assert inbox.next() is None
    assert inbox.wake(5.0) is None
    assert handle_all(inbox) == ["a1", "a2"]


def test_above_the_limit_messages_are_let_go_and_asked_for_when_half_is_free() -> None:
    inbox = make_inbox(limit=4)
    assert offer(inbox, "a1", "b1", "c1", "d1", "e1") == [ACCEPTED] * 4 + [LET_GO]
    assert inbox.let_go == 1
    assert [handle(inbox)[1] for _ in range(4)] == [False, True, False, False]
    assert awaits(inbox)
    assert offer(inbox, "e1") == [ACCEPTED]
    assert not awaits(inbox)


def test_what_messages_hold_is_bounded_in_bytes() -> None:
    inbox = Inbox(limit=100, lane_limit=100, keep_ids=600.0, ids_limit=1000, bytes_limit=1000)

    def big(message_id: str) -> MessageView:
        content = "A" * 400
        return MessageView(
            message_id=message_id,
            conversation_id=message_id[0],
            category="PLAIN_TEXT",
            data=content,
            data_base64=content,
        )

    # The same content in both fields counts, and is kept, once.
    verdicts = [inbox.offer(big(one)) for one in ("a1", "b1", "c1", "d1")]
    assert verdicts == [ACCEPTED, ACCEPTED, ACCEPTED, LET_GO]
    assert [handle(inbox)[1] for _ in range(3)] == [False, True, False]
    assert inbox.offer(big("d1")) is ACCEPTED


def test_a_full_conversation_lets_its_own_go_and_nobody_elses() -> None:
    inbox = make_inbox(lane_limit=2)
    assert offer(inbox, "a1", "a2", "a3", "b1") == [ACCEPTED, ACCEPTED, LET_GO, ACCEPTED]
    assert handle(inbox) == ("a1", True)
    assert handle(inbox) == ("b1", False)


def test_a_conversation_that_let_one_go_takes_none_until_that_one_comes_again() -> None:
    inbox = make_inbox(lane_limit=1)
    offer(inbox, "a1", "a2")
    assert handle_all(inbox) == ["a1"]
    assert offer(inbox, "a3", "b1", "a2") == [LET_GO, ACCEPTED, ACCEPTED]
    # The lane is full again: a3 is what is awaited now.
    assert offer(inbox, "a3") == [LET_GO]
    handle_all(inbox)
    assert offer(inbox, "a4", "a3", "a4") == [LET_GO, ACCEPTED, LET_GO]


def test_on_a_new_line_nothing_is_awaited() -> None:
    inbox = make_inbox(lane_limit=1)
    offer(inbox, "a1", "a2")
    handle_all(inbox)
    assert awaits(inbox)
    inbox.line_opened()
    assert not awaits(inbox)
    assert offer(inbox, "a3") == [ACCEPTED]


def test_too_many_awaiting_conversations_take_none_until_the_next_line() -> None:
    inbox = make_inbox(limit=1, awaited_limit=1)
    assert offer(inbox, "a1", "b1") == [ACCEPTED, LET_GO]
    assert not overflowed(inbox)
    assert offer(inbox, "c1") == [LET_GO]
    assert overflowed(inbox)
    assert handle(inbox) == ("a1", True)
    # b is remembered and goes on, c is not; a has let none go, but nobody knows that now.
    assert offer(inbox, "b1", "c1", "a2") == [ACCEPTED, LET_GO, LET_GO]
    inbox.line_opened()
    handle_all(inbox)
    assert offer(inbox, "c1") == [ACCEPTED]


def test_overflowing_with_little_at_hand_still_leads_to_asking() -> None:
    inbox = make_inbox(limit=4, lane_limit=2, awaited_limit=4)
    offer(inbox, "e1", "f1", "e2", "f2", "a1", "b1", "c1", "d1")
    e, f = inbox.next(), inbox.next()
    assert e is not None
    assert f is not None
    assert not inbox.finished(f, READ)
    assert handle(inbox) == ("f2", True)
    # Asked for; but before anything comes again, e is full and there is no room to remember it.
    assert offer(inbox, "e3") == [LET_GO]
    assert overflowed(inbox)
    assert inbox.finished(e, READ)


def test_what_is_let_go_is_missing_from_when_it_was_asked_for_until_it_comes() -> None:
    inbox = make_inbox(limit=2)
    offer(inbox, "a1", "a2", "b1", "c1")
    missing_since = []
    missing_since.append(inbox.asked_since)
    inbox.asked(1.0)
    inbox.asked(2.0)
    missing_since.append(inbox.asked_since)
    # It came, and found no room again.
    offer(inbox, "b1")
    inbox.asked(3.0)
    missing_since.append(inbox.asked_since)
    offer(inbox, "c1")
    missing_since.append(inbox.asked_since)
    handle_all(inbox)
    offer(inbox, "b1")
    missing_since.append(inbox.asked_since)
    inbox.asked(4.0)
    missing_since.append(inbox.asked_since)
    offer(inbox, "c1")
    missing_since.append(inbox.asked_since)
    assert missing_since == [None, 1.0, 1.0, 3.0, None, 4.0, None]


def test_a_released_message_is_awaited_and_others_at_hand_go_on() -> None:
    inbox = make_inbox()
    offer(inbox, "a1", "a2")
    lane = inbox.next()
    assert lane is not None
    inbox.released(lane)
    assert inbox.status("a1") is None
    assert inbox.awaits_repeats
    assert offer(inbox, "a3", "a1", "a3") == [LET_GO, ACCEPTED, ACCEPTED]
    assert handle_all(inbox) == ["a2", "a1", "a3"]


def test_closed_it_takes_none_and_gives_none_but_ends_what_runs() -> None:
    inbox = make_inbox()
    offer(inbox, "a1", "a2", "b1", "c1")
    a, b = inbox.next(), inbox.next()
    assert a is not None
    assert b is not None
    inbox.rest(b, until=0.0)
    inbox.close()
    assert inbox.wake(1.0) is None
    assert inbox.next() is None
    assert offer(inbox, "d1") == [LET_GO]
    assert not inbox.finished(a, READ)
    assert inbox.next() is None
    assert offer(inbox, "a1") == [HANDLED]


@given(
    arrivals=st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=60),
    limit=st.integers(1, 5),
    lane_limit=st.integers(1, 3),
    awaited_limit=st.integers(1, 5),
)
def test_pushed_again_and_again_all_are_handled_once_in_order_within_bounds(
    arrivals: list[tuple[str, bool]], limit: int, lane_limit: int, awaited_limit: int
) -> None:
    inbox = make_inbox(limit, lane_limit, awaited_limit)
    pending: dict[str, None] = {}
    handled: list[str] = []
    asked = False

    def push(message_id: str) -> None:
        verdict = inbox.offer(view(message_id[0], message_id))
        assert (verdict is HANDLED) == (message_id in handled)
        assert len(inbox) <= limit
        assert len(inbox._awaited) <= awaited_limit

    def handle_next() -> bool:
        message_id, ask = handle(inbox)
        handled.append(message_id)
        pending.pop(message_id)
        return ask

    for index, (conversation_id, work) in enumerate(arrivals):
        message_id = f"{conversation_id}{index}"
        pending[message_id] = None
        push(message_id)
        if work and inbox.ready:
            asked |= handle_next()
    while inbox.ready or asked:
        if asked:
            asked = False
            if inbox.has_overflowed:
                inbox.line_opened()
            repeats = deque(pending)
            while repeats:
                push(repeats.popleft())
        while inbox.ready:
            asked |= handle_next()
    assert not pending
    for conversation_id in "abcdef":
        numbers = [int(one[1:]) for one in handled if one[0] == conversation_id]
        assert numbers == sorted(set(numbers))


# Ids of what was handled


def test_an_id_is_kept_until_confirmed_and_for_the_time_after() -> None:
    ids = HandledIds(keep=600.0, limit=100)
    ids.add("first", READ)
    ids.confirmed(["other"], 0.0)
    ids.confirmed(["other"], 5000.0)
    assert ids.status("first") == READ
    ids.confirmed(["first"], 5001.0)
    ids.confirmed([], 5600.0)
    assert ids.status("first") == READ
    ids.confirmed([], 6200.0)
    ids.confirmed([], 6800.0)
    assert ids.status("first") is None
    assert len(ids) == 0


def test_after_an_idle_time_both_generations_go() -> None:
    ids = HandledIds(keep=600.0, limit=100)
    ids.add("first", READ)
    ids.confirmed(["first"], 0.0)
    ids.confirmed([], 1200.0)
    assert ids.status("first") is None


@pytest.mark.parametrize("confirmed", [True, False])
def test_the_oldest_ids_go_first_above_the_limit(confirmed: bool) -> None:
    ids = HandledIds(keep=600.0, limit=3)
    for number in range(10):
        ids.add(str(number), READ)
        if confirmed:
            ids.confirmed([str(number)], 0.0)
        assert len(ids) <= 3
    assert [number for number in range(10) if ids.status(str(number))] == [7, 8, 9]


def test_an_unconfirmed_id_outlives_confirmed_ones() -> None:
    ids = HandledIds(keep=600.0, limit=2)
    for message_id in ("waiting", "confirmed", "new"):
        ids.add(message_id, READ)
        ids.confirmed(["confirmed"], 0.0)
    assert ids.status("waiting")
    assert not ids.status("confirmed")


@given(
    st.lists(
        st.tuples(st.floats(0, 900), st.booleans()).map(lambda step: (round(step[0], 1), step[1])),
        max_size=30,
    )
)
def test_no_id_is_forgotten_early(steps: list[tuple[float, bool]]) -> None:
    ids = HandledIds(keep=600.0, limit=1000)
    now = 0.0
    confirmed_at: dict[str, float] = {}
    for index, (pause, confirm) in enumerate(steps):
        now += pause
        ids.add(str(index), READ)
        ids.confirmed([str(index)] if confirm else [], now)
        if confirm:
            confirmed_at[str(index)] = now
        for earlier in range(index + 1):
            if now - confirmed_at.get(str(earlier), now) < 600.0:
                assert ids.status(str(earlier)) == READ


# Replays


def test_a_replay_comes_after_those_at_hand_though_it_was_handled() -> None:
    inbox = make_inbox()
    offer(inbox, "a1")
    handle(inbox, DELIVERED)
    offer(inbox, "a2", "a3", "b1")
    assert inbox.replay(view("a", "a1")) is ACCEPTED
    assert inbox.replay(view("a", "a1")) is AT_HAND
    assert offer(inbox, "a1") == [AT_HAND]
    assert [one for one in handle_all(inbox) if one[0] == "a"] == ["a2", "a3", "a1"]
    assert inbox.status("a1") == READ
    assert offer(inbox, "a1") == [HANDLED]


def test_a_replay_without_room_is_not_awaited() -> None:
    inbox = make_inbox(limit=2)
    offer(inbox, "a1", "b1")
    assert inbox.replay(view("c", "c1")) is LET_GO
    assert not inbox.awaits_repeats
    assert inbox.let_go == 0
    handle(inbox)
    assert inbox.replay(view("c", "c1")) is ACCEPTED


def test_a_replay_does_not_wait_for_what_its_conversation_let_go() -> None:
    inbox = make_inbox(lane_limit=2)
    assert offer(inbox, "a1", "a2", "a3") == [ACCEPTED, ACCEPTED, LET_GO]
    handle(inbox)
    assert inbox.replay(view("a", "a0")) is ACCEPTED
    assert handle_all(inbox) == ["a2", "a0"]
    assert offer(inbox, "a4", "a3", "a4") == [LET_GO, ACCEPTED, ACCEPTED]


def test_no_replay_once_it_is_closed() -> None:
    inbox = make_inbox()
    inbox.close()
    assert inbox.replay(view("a", "a1")) is LET_GO
