"""When faults strike, and what they leave of frames and pages."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.errors import FrameError, NotFound, ServiceError, SettingsError
from blazebot.sandbox.faults import (
    CALL,
    LINE,
    PUSH,
    REQUEST,
    Fault,
    Faults,
    NewFault,
    damaged,
    parse_fault,
    reordered,
)
from blazebot.sandbox.storage.rows import StoredMessage
from blazebot.wire.codec import decode_frame, encode_request

BOT, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def struck(faults: Faults, times: int, bot_id: str = BOT) -> list[bool]:
    return [faults.take(REQUEST, bot_id, "CREATE_MESSAGE") is not None for _ in range(times)]


def test_it_strikes_once_unless_told_otherwise() -> None:
    faults = Faults()
    active = [faults.is_active]
    faults.add(NewFault(kind="lost_answer"))
    active.append(faults.is_active)
    assert struck(faults, 3) == [True, False, False]
    assert [*active, faults.is_active] == [False, True, False]
    assert [(fault.struck, fault.left) for fault in faults.list()] == [(1, 0)]


def test_it_strikes_n_times_or_until_it_is_cleared() -> None:
    faults = Faults()
    faults.add(NewFault(kind="lost_answer", times=2))
    assert struck(faults, 4) == [True, True, False, False]
    forever = faults.add(NewFault(kind="slow", times=None))
    assert all(struck(faults, 50))
    faults.clear(forever.fault_id)
    assert struck(faults, 2) == [False, False]


def test_of_one_bot_or_all() -> None:
    faults = Faults()
    faults.add(NewFault(kind="lost_answer", bot_id=BOT.upper(), times=None))
    assert struck(faults, 1, OTHER) == [False]
    assert struck(faults, 1, BOT) == [True]


@pytest.mark.parametrize(
    ("only", "name", "strikes"),
    [
        ("", "CREATE_MESSAGE", True),
        ("CREATE_MESSAGE", "CREATE_MESSAGE", True),
        ("CREATE_MESSAGE", "CREATE_PLAIN_MESSAGES", False),
        ("CREATE_*", "CREATE_PLAIN_MESSAGES", True),
        ("POST /messages", "POST /messages", True),
        ("GET *", "POST /messages", False),
    ],
)
def test_only_at_what_has_a_name(only: str, name: str, strikes: bool) -> None:
    faults = Faults()
    faults.add(NewFault(kind="error", only=only))
    assert (faults.take(CALL, BOT, name) is not None) is strikes


def test_the_name_of_a_line_is_line() -> None:
    faults = Faults()
    faults.add(NewFault(kind="unauthorized", only="line"))
    assert faults.take(CALL, BOT, "GET /me") is None
    assert faults.take(LINE, BOT) is not None


def test_only_at_its_own_occasions() -> None:
    faults = Faults()
    faults.add(NewFault(kind="duplicate"))
    assert struck(faults, 1) == [False]
    assert faults.take(PUSH, BOT, "PLAIN_TEXT") is not None


def test_a_seed_makes_the_same_chances() -> None:
    def run(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(NewFault(kind="lost_answer", times=None, probability=0.3))
        return struck(faults, 200)

    assert run(7) == run(7)
    assert run(7) != run(8)
    assert 30 < sum(run(7)) < 90


def test_another_fault_does_not_change_the_chances_of_this_one() -> None:
    def run(*, beside: bool) -> list[bool]:
        faults = Faults(3)
        first = faults.add(NewFault(kind="lost_answer", times=None, probability=0.5))
        if beside:
            faults.add(NewFault(kind="duplicate", times=None, probability=0.5))
        outcomes = []
        for _ in range(50):
            faults.take(PUSH, BOT, "PLAIN_TEXT")
            outcomes.append(faults.take(REQUEST, BOT, "CREATE_MESSAGE") is first)
        return outcomes

    assert run(beside=True) == run(beside=False)


def test_what_is_held_back_goes_on_when_the_fault_is_cleared() -> None:
    faults, went_on = Faults(), []
    stall = faults.add(NewFault(kind="stall"))
    assert struck(faults, 1) == [True]
    faults.hold(stall, lambda: went_on.append("first"))
    assert went_on == []
    faults.clear(stall.fault_id)
    faults.hold(stall, lambda: went_on.append("second"))  # cleared meanwhile
    assert went_on == ["first", "second"]


def test_spent_faults_are_forgotten_the_oldest_first() -> None:
    faults = Faults()
    forever = faults.add(NewFault(kind="slow", times=None, bot_id=OTHER))
    for _ in range(1500):
        faults.add(NewFault(kind="lost_answer"))
        struck(faults, 1)
    assert len(faults.list()) <= 1001
    assert forever in faults.list()


def test_clearing_what_is_not_there() -> None:
    with pytest.raises(NotFound, match="no fault 5"):
        Faults().clear(5)


def test_who_listens_hears_of_a_new_fault() -> None:
    faults = Faults()
    heard: list[Fault] = []
    faults.on_add.append(heard.append)
    assert [faults.add(NewFault(kind="drop"))] == heard


@pytest.mark.parametrize(
    "new",
    [
        NewFault(kind="slow", seconds=-1),
        NewFault(kind="restart", seconds=3601),
        NewFault(kind="slow", seconds=float("nan")),
        NewFault(kind="clock_off", seconds=float("inf")),
        NewFault(kind="restart", times=2),
        NewFault(kind="restart", probability=0.5),
        NewFault(kind="drop", only="CREATE_MESSAGE"),
        NewFault(kind="refuse_handshake", only="line"),
    ],
)
def test_what_makes_no_sense_is_refused(new: NewFault) -> None:
    with pytest.raises(ServiceError, match="invalid field"):
        Faults().add(new)


def test_a_fault_in_words() -> None:
    assert parse_fault("drop") == NewFault(kind="drop")
    assert parse_fault("slow seconds=0.5 probability=0.1 times=forever") == NewFault(
        kind="slow", seconds=0.5, probability=0.1, times=None
    )
    assert parse_fault("error code=429 only='POST /messages' times=3") == NewFault(
        kind="error", code=429, only="POST /messages", times=3
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "should begin with one of drop, abort"),
        ("explode", "should begin with one of drop, abort"),
        ("drop often", "'often' should be name=value"),
        ("drop 'often", "No closing quotation"),
        ("drop times=0", r"`\$.times`"),
        ("drop probability=2", r"`\$.probability`"),
        ("drop whenever=1", "whenever"),
    ],
)
def test_words_that_say_no_fault(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_fault(text)


@given(st.sampled_from(["truncate", "corrupt"]), st.text(max_size=300), st.integers())
def test_a_damaged_frame_cannot_be_read(kind: str, text: str, seed: int) -> None:
    frame = encode_request("1", "CREATE_MESSAGE", {"data": text})
    faults = Faults()
    fault = faults.add(parse_fault(kind))
    spoilt = damaged(frame, fault, random.Random(seed))
    assert spoilt != frame
    with pytest.raises(FrameError):
        decode_frame(spoilt)


def message(seq: int, conversation_id: str) -> StoredMessage:
    return StoredMessage(
        seq, f"m{seq}", conversation_id, "u", "s", "PLAIN_TEXT", b"", "", "", 0, 0, 0, 0, 0, seq
    )


@given(st.lists(st.sampled_from("abc")), st.integers())
def test_reordered_between_conversations_only(conversations: list[str], seed: int) -> None:
    page = [message(seq, one) for seq, one in enumerate(conversations)]
    shuffled = reordered(page, random.Random(seed))

    def lane(of: list[StoredMessage], conversation_id: str) -> Iterator[int]:
        return (one.seq for one in of if one.conversation_id == conversation_id)

    for one in "abc":
        assert list(lane(shuffled, one)) == list(lane(page, one))
    assert sorted(shuffled, key=lambda one: one.seq) == page
