"""The conformance checks as a list: names, rules, sources, and what the documentation says."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.cli.conformance import conformance
from blazebot.conformance.check import Need, select
from blazebot.conformance.expectations import Answer
from blazebot.conformance.raw_bot import RawBot
from blazebot.conformance.report import table
from blazebot.conformance.rules import CHECKS
from blazebot.conformance.service import Service
from blazebot.conformance.trial import Trial
from blazebot.errors import SettingsError
from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"


def test_each_check_has_a_name_a_rule_and_a_source() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", check.name)
        assert re.fullmatch(r"[A-Z][^|.]*\.", check.rule), check.name
        assert re.fullmatch(r"(10|[3-9]) (\[[SDCA]\])+", check.source), check.name


def test_the_page_has_the_table_of_checks() -> None:
    assert table(CHECKS) in PAGE.read_text()


def test_the_help_says_how_many_messages_are_sent_at_most() -> None:
    sent = sum(check.messages for check in CHECKS if Need.PERSON not in check.needs)
    assert f"at most {sent} messages" in " ".join((conformance.__doc__ or "").split())


def test_checks_are_selected_by_name_or_pattern() -> None:
    assert select(CHECKS, []) == list(CHECKS)
    assert [check.name for check in select(CHECKS, ["recall", "token-t*"])] == [
        "token-taken",
        "recall",
    ]
    with pytest.raises(SettingsError, match="no check is named 'tokens'"):
        select(CHECKS, ["recall", "tokens"])


async def test_a_check_gets_only_what_it_says_that_it_needs() -> None:
    keystore = Keystore.load(issue_keystore("app", ID, ID).document)
    async with aiohttp.ClientSession() as http:
        trial = Trial(RawBot(keystore, Service.at(http, "http://127.0.0.1:1")))
    for name in ("peer", "person", "recipient_id", "conversation_id"):
        with pytest.raises(RuntimeError, match="does not say that it needs"):
            getattr(trial, name)


@pytest.mark.parametrize(
    ("address", "api", "blaze"),
    [
        ("https://api.mixin.one", "https://api.mixin.one", "wss://blaze.mixin.one/"),
        ("https://API.mixin.one/", "https://API.mixin.one", "wss://blaze.mixin.one/"),
        (
            "https://mixin-api.zeromesh.net",
            "https://mixin-api.zeromesh.net",
            "wss://mixin-blaze.zeromesh.net/",
        ),
        ("http://127.0.0.1:7777/", "http://127.0.0.1:7777", "ws://127.0.0.1:7777/"),
        ("https://box.lan", "https://box.lan", "wss://box.lan/"),
    ],
)
async def test_an_address_stands_for_rest_and_lines(address: str, api: str, blaze: str) -> None:
    async with aiohttp.ClientSession() as http:
        service = Service.at(http, address)
    assert (service.api, service.blaze) == (api, blaze)


@pytest.mark.parametrize(
    "address", ["", "api.mixin.one", "ws://x", "http://", "http://[", "http://a b"]
)
async def test_what_is_no_address_is_refused(address: str) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(SettingsError, match="should begin with https"):
            Service.at(http, address)


@given(st.text("abcdefgh", min_size=20))
def test_a_success_is_shown_without_what_it_holds(secret: str) -> None:
    answer = Answer("GET /me", 200, {}, b'{"data": {"pin_token": "%b"}}' % secret.encode())
    assert secret not in str(answer)
    assert answer.code is None


@given(st.binary(), st.integers(100, 599))
def test_any_answer_is_understood_somehow(text: bytes, status: int) -> None:
    answer = Answer("GET /me", status, {}, text)
    assert str(answer).startswith(f"GET /me: HTTP {status}")
    assert (answer.code is None) <= (status < 400)
