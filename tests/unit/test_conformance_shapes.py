"""Documents as strict readers want them: every field, of its kind."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.conformance import shapes
from blazebot.conformance.expectations import Violation

ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
TIME = "2024-05-06T07:08:09.123456789Z"

VIEW: dict[str, Any] = {
    "type": "message",
    "conversation_id": ID,
    "user_id": ID,
    "session_id": "",
    "message_id": ID,
    "category": "PLAIN_TEXT",
    "data": "aGk=",
    "data_base64": "aGk",
    "status": "SENT",
    "source": "CREATE_MESSAGE",
    "representative_id": "",
    "quote_message_id": "",
    "silent": False,
    "expire_in": 0,
    "created_at": TIME,
    "updated_at": TIME,
}
SESSION: dict[str, Any] = {
    "user_id": ID,
    "session_id": ID,
    "public_key": "A" * 43,
    "platform": "",
}

fields = st.sampled_from(sorted(VIEW))


def test_a_right_document_has_no_complaints() -> None:
    assert len(shapes.VIEW) == 16
    assert list(shapes.complaints(VIEW, shapes.VIEW)) == []
    assert list(shapes.complaints(VIEW | {"further": None}, shapes.VIEW)) == []
    assert list(shapes.complaints(SESSION, shapes.SESSION)) == []


@given(fields)
def test_a_missing_field_is_named(field: str) -> None:
    document = copy.copy(VIEW)
    del document[field]
    assert list(shapes.complaints(document, shapes.VIEW)) == [f"{field} is missing"]


@given(
    fields, st.none() | st.floats() | st.lists(st.none()) | st.dictionaries(st.text(), st.none())
)
def test_a_field_of_another_kind_is_named(field: str, value: Any) -> None:
    (complaint,) = shapes.complaints(VIEW | {field: value}, shapes.VIEW)
    assert complaint.startswith(f"{field} should be ")


@pytest.mark.parametrize(
    ("shape", "document"),
    [
        (shapes.VIEW, VIEW | {"silent": 0}),
        (shapes.VIEW, VIEW | {"expire_in": True}),
        (shapes.VIEW, VIEW | {"message_id": ID.upper()}),
        (shapes.VIEW, VIEW | {"created_at": ""}),
        (shapes.VIEW, VIEW | {"created_at": "2024-05-06T07:08:09Z"}),
        (shapes.VIEW, VIEW | {"created_at": "2024-05-06T07:08:09.123456+00:00"}),
        (shapes.VIEW, VIEW | {"created_at": "2024-13-06T07:08:09.123456Z"}),
        (shapes.VIEW, VIEW | {"status": "PENDING"}),
        (shapes.SESSION, SESSION | {"public_key": "A" * 42 + "=="}),
        (shapes.SESSION, SESSION | {"public_key": "AAAA"}),
        (shapes.SESSION, SESSION | {"public_key": "%"}),
        (shapes.VIEW, None),
        (shapes.VIEW, [VIEW]),
    ],
)
def test_what_strict_readers_stumble_over_is_told(shape: Any, document: Any) -> None:
    assert len(list(shapes.complaints(document, shape))) == 1
    with pytest.raises(Violation, match=r"^thing: "):
        shapes.expect_shape("thing", document, shape)


@given(st.text(min_size=1))
def test_complaints_hold_nothing_of_the_document(secret: str) -> None:
    (complaint,) = shapes.complaints(VIEW | {"silent": secret}, shapes.VIEW)
    assert complaint == "silent should be true or false, is text"
