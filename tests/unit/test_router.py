"""The router: the first handler, in the order of registration, whose content fits."""

from __future__ import annotations

from typing import Any

import pytest

from blazebot.bot.message import Message
from blazebot.bot.router import Router
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content, Invalid, Text, Unknown


async def first(message: Message[Any]) -> None: ...


async def second(message: Message[Any]) -> None: ...


def test_the_first_whose_content_fits_takes_it() -> None:
    router = Router()
    router.add((Text, Unknown), first)
    router.add((Content,), second)
    assert router.find(Text) is first
    assert router.find(Unknown) is first
    assert router.find(Invalid) is second


def test_none_fits() -> None:
    router = Router()
    assert router.find(Text) is None
    router.add((Unknown,), first)
    assert router.find(Text) is None


def test_a_handler_added_later_is_found() -> None:
    router = Router()
    assert router.find(Text) is None
    router.add((Text,), first)
    assert router.find(Text) is first


def not_async(message: Message[Any]) -> None: ...


async def no_parameter() -> None: ...


async def two_parameters(message: Message[Any], other: int) -> None: ...


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (not_async, "must be `async def`"),
        (no_parameter, "1 positional"),
        (two_parameters, "1 positional"),
        (print, "must be `async def`"),
    ],
)
def test_what_cannot_be_a_handler_is_named_with_its_place(handler: Any, words: str) -> None:
    with pytest.raises(RegistrationError) as caught:
        Router().add((Text,), handler)
    assert words in str(caught.value)
    assert handler.__qualname__ in str(caught.value)
    assert ("test_router.py:" in str(caught.value)) == (handler is not print)


@pytest.mark.parametrize("kind", [str, "PLAIN_TEXT", Text("hi")])
def test_what_is_no_kind_of_content_is_refused(kind: Any) -> None:
    with pytest.raises(RegistrationError, match="no kind of content"):
        Router().add((kind,), first)


def test_a_handler_without_a_kind_is_refused() -> None:
    with pytest.raises(RegistrationError, match=r"@bot\.on\(Text\)"):
        Router().add((), first)
