"""Ids that both ends derive are those of an independent client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.wire.ids import contact_conversation_id, group_conversation_id, is_uuid

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "conversation_ids.json").read_text(encoding="utf-8")
)
A, B, C = (f"{digit}0000000-0000-4000-8000-000000000000" for digit in "abc")


@pytest.mark.parametrize("vector", VECTORS["contact"])
def test_contact_vectors(vector: dict[str, str]) -> None:
    user, recipient = vector["user_id"], vector["recipient_id"]
    expected = vector["conversation_id"]
    assert contact_conversation_id(user, recipient) == expected
    assert contact_conversation_id(recipient, user) == expected
    assert contact_conversation_id(user.upper(), recipient) == expected


@pytest.mark.parametrize("vector", VECTORS["group"], ids=lambda vector: vector["name"])
def test_group_vectors(vector: dict[str, Any]) -> None:
    owner, name, random_id = vector["owner_id"], vector["name"], vector["random_id"]
    expected = vector["conversation_id"]
    participants = vector["participants"]
    assert group_conversation_id(owner, name, participants, random_id) == expected
    assert group_conversation_id(owner, name, reversed(participants), random_id) == expected
    upper = [participant.upper() for participant in participants]
    assert group_conversation_id(owner.upper(), name, upper, random_id.upper()) == expected


def test_a_groups_name_is_used_as_it_is() -> None:
    assert group_conversation_id(A, "Dev", [B], C) != group_conversation_id(A, "dev", [B], C)


@given(st.uuids(), st.uuids())
def test_contact_ids(one: UUID, other: UUID) -> None:
    derived = UUID(contact_conversation_id(str(one), str(other)))
    assert str(derived) == contact_conversation_id(str(other), str(one).upper())
    assert (derived.version, derived.variant) == (3, RFC_4122)


@given(st.uuids())
def test_uuids(value: UUID) -> None:
    assert is_uuid(str(value))
    assert is_uuid(str(value).upper())


@pytest.mark.parametrize(
    "value",
    [None, 1, b"", "", "x", A[:-1], A + "0", A + "\n", A.replace("-", ""), f"{{{A}}}", UUID(A)],
)
def test_what_is_no_uuid(value: object) -> None:
    assert not is_uuid(value)
    assert not is_uuid(A.replace("a", "g"))
    assert not is_uuid(A.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"))
