"""Derived ids: the same on each run, different wherever anything differs."""

from __future__ import annotations

import uuid
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from blazebot.delivery.message_ids import NAMESPACE, SentByHandler

APP, OTHER_APP = "82d20bc7-9a97-4a69-bcd0-4da502374f6c", "965e5c6e-434c-3fa9-b780-c50f43cd955c"

# Without surrogates, which uuid.uuid5 refuses.
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
uuids = st.uuids().map(str)
sends = st.tuples(uuids, st.sampled_from(("PLAIN_TEXT", "PLAIN_POST")), st.binary(max_size=50))


@given(uuids, uuids, sends)
def test_an_id_is_uuid5_of_all_that_the_design_names(
    app_id: str, message_id: str, send: tuple[str, str, bytes]
) -> None:
    conversation_id, category, content = send
    sent = SentByHandler(app_id, message_id)
    for times in range(3):
        words = (app_id, message_id, conversation_id, category, sha256(content).hexdigest(), times)
        expected = uuid.uuid5(NAMESPACE, "|".join(map(str, words)))
        derived = sent.message_id(conversation_id, category, content)
        assert derived == str(expected)
        assert uuid.UUID(derived).version == 5


@given(uuids, uuids, uuids, names)
def test_a_keyed_id_is_uuid5_of_the_key_whatever_was_sent(
    app_id: str, message_id: str, conversation_id: str, key: str
) -> None:
    sent = SentByHandler(app_id, message_id)
    sent.message_id(conversation_id, "PLAIN_TEXT", b"words")
    expected = uuid.uuid5(NAMESPACE, f"{app_id}|{message_id}|{conversation_id}|key|{key}")
    assert sent.keyed_message_id(conversation_id, key) == str(expected)
    assert sent.keyed_message_id(conversation_id, key) == str(expected)


def test_a_key_may_be_any_string() -> None:
    assert SentByHandler(APP, "m").keyed_message_id("c", "\ud800")


@given(st.lists(sends, max_size=10))
def test_a_rerun_gives_the_same_ids_and_no_two_are_alike(
    run: list[tuple[str, str, bytes]],
) -> None:
    first, again = SentByHandler(APP, "m"), SentByHandler(APP, "m")
    ids = [first.message_id(*send) for send in run]
    assert [again.message_id(*send) for send in run] == ids
    assert len(set(ids)) == len(run)


def test_what_else_a_run_sends_does_not_shift_an_id() -> None:
    first, again = SentByHandler(APP, "m"), SentByHandler(APP, "m")
    first.message_id("c", "PLAIN_TEXT", b"words that differ")
    assert first.message_id("c", "PLAIN_TEXT", b"yes") == again.message_id(
        "c", "PLAIN_TEXT", b"yes"
    )


@given(sends)
def test_two_bots_and_two_messages_never_collide(send: tuple[str, str, bytes]) -> None:
    runs = [
        SentByHandler(app_id, message_id)
        for app_id in (APP, OTHER_APP)
        for message_id in ("m1", "m2")
    ]
    assert len({run.message_id(*send) for run in runs}) == 4
    assert len({run.keyed_message_id(send[0], "key") for run in runs}) == 4
