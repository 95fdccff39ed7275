"""What fuzzing has kept is tried again, and what watches over it finds what it should."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from blazebot.bot.dispatcher import Dispatcher
from blazebot.sandbox.blaze.line import BlazeLine
from fuzz import worlds
from fuzz.choices import Choices
from fuzz.targets import TARGETS, blaze
from fuzz.watch import Finding, Watch
from fuzz.websocket import frame, is_whole
from fuzz.worlds import in_loop

CORPORA = Path(__file__).parents[2] / "fuzz" / "corpus"
SECRET = "59548661e252a6f235e5d2da3e691a4d"  # noqa: S105


@pytest.mark.parametrize("target", TARGETS)
def test_corpus(target: str) -> None:
    inputs = sorted((CORPORA / target).iterdir())
    assert 1 <= len(inputs) <= 40
    with TARGETS[target]() as attempt:
        for one in inputs:
            attempt(one.read_bytes())


@asynccontextmanager
async def guarding(watch: Watch) -> AsyncIterator[Watch]:
    watch.secrets = {SECRET}
    yield watch


async def fine(_: Watch, choices: Choices) -> None:
    logging.getLogger("blazebot").info("decided %d", choices.below(10))


async def shows_a_secret(_: Watch, __: Choices) -> None:
    logging.getLogger("blazebot").debug("signed with %s", SECRET)


async def fails_aside(_: Watch, __: Choices) -> None:
    task = asyncio.ensure_future(raising())
    await asyncio.wait([task])


async def raising() -> None:
    raise KeyError("nobody waits for this")


async def logs_an_exception(_: Watch, __: Choices) -> None:
    try:
        await raising()
    except KeyError:
        logging.getLogger("blazebot").warning("something went wrong", exc_info=True)


async def hangs(_: Watch, __: Choices) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (fine, ""),
        (shows_a_secret, "a secret is shown"),
        (fails_aside, "KeyError"),
        (logs_an_exception, "KeyError"),
        (hangs, "not done within"),
    ],
)
def test_a_broken_promise_is_found(
    attempt: Callable[[Watch, Choices], Awaitable[None]],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worlds, "WITHIN", 0.2)
    with in_loop(guarding, attempt) as tries:
        if not words:
            tries(b"\x03")
        else:
            with pytest.raises(Finding, match=words):
                tries(b"\x03")


async def nothing(*_: object) -> None:
    pass


def test_a_message_that_no_handler_is_given_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dispatcher, "handle", nothing)
    with TARGETS["line"]() as tries, pytest.raises(Finding, match="handled 0 times"):
        tries(b"")


def test_a_line_that_hangs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blaze, "PATIENCE", 0.2)
    monkeypatch.setattr(BlazeLine, "_list_pending", lambda *_: None)
    with TARGETS["blaze"]() as tries, pytest.raises(Finding, match="neither an answer nor an end"):
        tries(b"")


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", True),
        (frame(b"a" * 200, masked=True) + frame(b"", masked=False), True),
        (frame(bytes(70_000), masked=True), True),
        (frame(b"ab", masked=True)[:-1], False),
        (frame(b"ab", masked=False) + b"\x82", False),
        (b"\x82\x7f" + b"\x7f" * 8, False),
    ],
)
def test_what_ends_with_a_frame(data: bytes, whole: bool) -> None:
    assert is_whole(data) is whole
