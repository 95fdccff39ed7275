"""Log lines: words for people, JSON for programs, and what was being handled."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from blazebot.bot.events import current_bot, current_event
from blazebot.bot.middleware.logs import LogContext
from blazebot.watch.log_formats import JsonFormatter, WordsFormatter
from tests.routed import ALICE, make_bot, make_message

logger = logging.getLogger("tests.log")


@contextmanager
def logged(formatter: logging.Formatter) -> Iterator[io.StringIO]:
    """What is logged meanwhile."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    handler.addFilter(LogContext())
    logger.addHandler(handler)
    logger.propagate = False  # pytest cannot report every text that is logged here
    yield written
    logger.propagate = True
    logger.removeHandler(handler)


def line(*arguments: Any, **options: Any) -> dict[str, Any]:
    """What one line is as JSON."""
    with logged(JsonFormatter()) as written:
        logger.warning(*arguments, **options)
    (only,) = written.getvalue().splitlines()
    entry: dict[str, Any] = json.loads(only)
    return entry


def test_a_line_says_what_is_being_handled() -> None:
    message = make_message(make_bot(), "hi")
    token = current_event.set(message)
    try:
        entry = line("it is %s", "so")
        with logged(WordsFormatter()) as words:
            logger.warning("so")
    finally:
        current_event.reset(token)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "warning",
        "logger": "tests.log",
        "message": "it is so",
        "bot": message.bot.id,
        "message_id": message.id,
        "conversation_id": message.conversation_id,
        "user_id": ALICE,
    }
    assert f"WARNING tests.log: so [bot {message.bot.id}, message {message.id}" in words.getvalue()


def test_a_line_outside_of_messages_knows_its_bot_where_several_run() -> None:
    assert "bot" not in line("alone")
    token = current_bot.set("one-bot")
    try:
        assert line("here")["bot"] == "one-bot"
        with logged(WordsFormatter()) as words:
            logger.warning("here")
    finally:
        current_bot.reset(token)
    assert words.getvalue().endswith("here [bot one-bot]\n")


def test_a_line_may_say_of_which_message_it_is() -> None:
    message_id = str(uuid4())
    of = {"message_id": message_id, "conversation_id": "c", "user_id": "u", "handler": "shop.buy"}
    assert line("failed", extra=of).items() >= of.items()
    with logged(WordsFormatter()) as words:
        logger.warning("failed", extra=of)
    assert words.getvalue().endswith(f"failed [message {message_id} of u in c, shop.buy]\n")


def test_an_error_is_one_line_with_its_traceback() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        entry = line("oh", exc_info=sys.exc_info())
    assert "Traceback" in entry["error"]
    assert entry["error"].endswith("ValueError: first\nsecond")


def test_what_is_passed_beside_words_is_there_whatever_it_is() -> None:
    assert line("x", extra={"order": 7, "thing": {1, 2}, "level": "mine"}) | {"time": ""} == {
        "time": "",
        "level": "warning",
        "logger": "tests.log",
        "message": "x",
        "order": 7,
        "thing": "{1, 2}",
    }


@pytest.mark.parametrize(
    "text",
    ["two\nlines", "你好 🚀", "lone \ud800", "\x1b[2J\x00"],
    ids=["lines", "unicode", "surrogate", "control"],
)
def test_any_text_is_one_line_of_valid_json(text: str) -> None:
    assert line("%s", text)["message"] == text
