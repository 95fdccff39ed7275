"""Buttons that call back: what is signed comes back as it was, and nothing else does."""

from __future__ import annotations

import multiprocessing
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot import (
    Button,
    ButtonGroup,
    Callback,
    Card,
    ContentError,
    Message,
    RegistrationError,
    Text,
)
from blazebot.bot.buttons.button import CALLBACK_LIMIT
from blazebot.bot.buttons.key import KEY_LENGTH, load_button_key
from blazebot.bot.buttons.presses import Buttons, RefusedCallback
from blazebot.bot.buttons.tokens import CallbackSigner, Signed
from blazebot.bot.clock import Clock
from blazebot.bot.settings import BotSettings, load_bot_settings
from blazebot.errors import SettingsError
from blazebot.wire import content as wire
from tests.routed import make_bot

KEY = b"k" * 32
APP = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
HERE = "c0ffee00-1111-4222-8333-444455556666"
THERE = "c0ffee00-1111-4222-8333-444455556667"
NOW = 1_800_000_000.0


class Vote(Callback, tag="vote"):
    choice: str
    weight: int = 1


class Page(Callback):
    number: int


class Other(Callback, tag="vote"):
    number: int


def buttons(*kinds: type[Callback], app_id: str = APP, key: bytes = KEY) -> Buttons:
    named = {str(kind.__struct_config__.tag): kind for kind in kinds or (Vote, Page)}
    return Buttons(app_id, named, Clock(), lambda: key)


def text(content: wire.Content, of: Buttons | None = None, where: str = HERE) -> str:
    """The text that pressing the first button sends."""
    signed = (of or buttons()).sign(content, where)
    assert isinstance(signed, ButtonGroup | Card)
    first = signed.buttons[0] if isinstance(signed, ButtonGroup) else signed.actions[0]
    assert first.action.startswith("input:")
    return first.action.removeprefix("input:")


def group(*pressed: Callback, **options: Any) -> ButtonGroup:
    return ButtonGroup(tuple(Button("Yes 是", callback=one, **options) for one in pressed))


# Signed and read


@given(st.text(max_size=20), st.integers(-(2**63), 2**63 - 1))
def test_what_was_signed_comes_back(choice: str, weight: int) -> None:
    vote = Vote(choice, weight)
    pressed = text(group(vote))
    assert pressed.startswith("Yes 是 ~")
    assert buttons().read(pressed, HERE) == vote
    assert buttons().read(pressed + " \n", HERE.upper()) == vote


def test_it_is_short() -> None:
    assert len(text(group(Vote("yes")))) < 50


@given(st.integers(0), st.integers(1, 255))
def test_whatever_is_changed_is_refused(place: int, by: int) -> None:
    pressed = text(group(Vote("yes"), expires_in=timedelta(hours=1)))
    label, _, token = pressed.rpartition("~")
    place %= len(token)
    changed = chr((ord(token[place]) + by) % 256)
    forged = f"{label}~{token[:place]}{changed}{token[place + 1 :]}"
    read = buttons().read(forged, HERE)
    # The last character holds bits that mean nothing; a space ends the token.
    assert not isinstance(read, Callback) or place == len(token) - 1
    assert isinstance(read, RefusedCallback | None) or read == Vote("yes")


@pytest.mark.parametrize(
    ("reader", "where"),
    [
        (buttons(), THERE),
        (buttons(app_id=THERE), HERE),
        (buttons(key=b"x" * 32), HERE),
    ],
    ids=["another conversation", "another bot", "another key"],
)
def test_where_it_was_not_signed_for_it_is_refused(reader: Buttons, where: str) -> None:
    read = reader.read(text(group(Vote("yes"))), where)
    assert isinstance(read, RefusedCallback)
    assert read.reason == "signature"


@given(st.text())
def test_other_texts_are_no_presses(words: str) -> None:
    assert buttons().read(words, HERE) is None
    assert buttons().read(f"~{words[:10]}", HERE) is None


def test_it_holds_until_it_expires() -> None:
    signer = CallbackSigner(KEY, APP)
    signed = Signed(int(NOW), b"\x00")
    pressed = signer.text("Yes", HERE, signed)
    assert signer.read(pressed, HERE, NOW - 1) == signed
    assert signer.read(pressed, HERE, NOW) == "expired"
    clock = Clock()
    late = Buttons(APP, {"vote": Vote}, clock, lambda: KEY)
    pressed = text(group(Vote("yes"), expires_in=timedelta(minutes=5)), late)
    clock.move(299)
    assert late.read(pressed, HERE) == Vote("yes")
    clock.move(301)
    assert repr(late.read(pressed, HERE)) == "<RefusedCallback: expired>"
    assert late.read(pressed, HERE, 4000.0) == Vote("yes")  # pressed in time, though it waited


@pytest.mark.parametrize("reader", [buttons(Page), buttons(Other)])
def test_what_the_bot_does_not_know_any_more_is_refused(reader: Buttons) -> None:
    assert repr(reader.read(text(group(Vote("yes"))), HERE)) == "<RefusedCallback: unknown>"


def test_a_field_with_a_default_can_be_added() -> None:
    class Before(Callback, tag="vote"):
        choice: str

    pressed = text(group(Before("yes")), buttons(Before))
    assert buttons().read(pressed, HERE) == Vote("yes", 1)


# Contents


def test_only_what_calls_back_is_signed() -> None:
    plain = wire.Button("Plain", "#000000", "input:plain")
    linked = Button("Linked", action="https://example.org")
    content = ButtonGroup((plain, linked, Button("Yes", callback=Vote("yes"))))
    signed = buttons().sign(content, HERE)
    assert isinstance(signed, ButtonGroup)
    assert signed.buttons[:2] == (plain, linked)
    assert type(signed.buttons[2]) is wire.Button
    sent = msgspec.json.decode(signed.encode())
    assert [set(one) for one in sent] == [{"label", "color", "action"}] * 3
    assert buttons().sign(Text("hi"), HERE) == Text("hi")


def test_a_cards_actions() -> None:
    card = Card(title="t", description="d", actions=(Button("Yes", callback=Vote("yes")),))
    assert buttons().read(text(card), HERE) == Vote("yes")


def test_the_id_of_a_message_comes_of_what_was_there_before_it_was_signed() -> None:
    one, same = (group(Vote("yes"), expires_in=timedelta(1)) for _ in range(2))
    assert one.encode() == same.encode()
    assert one.encode() != group(Vote("no"), expires_in=timedelta(1)).encode()
    assert one.encode() != group(Vote("yes")).encode()


class NotJson(Callback):
    value: Any


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either an action or a callback"),
        ({"action": "input:x", "callback": Vote("x")}, "either an action or a callback"),
        ({"callback": "vote"}, "should be of a subclass of Callback, not 'vote'"),
        ({"callback": Callback()}, "should be of a subclass of Callback"),
        ({"callback": Vote("x" * CALLBACK_LIMIT)}, "Vote has 137 bytes; 128 are allowed"),
        ({"callback": Vote("\ud800")}, "Vote cannot be signed"),
        ({"callback": Vote(5)}, "Vote cannot be signed"),  # type: ignore[arg-type]
        ({"callback": NotJson(object())}, "NotJson cannot be signed"),
        ({"callback": Vote("x"), "expires_in": timedelta(0)}, "expires_in: should be"),
        ({"callback": Vote("x"), "expires_in": 60}, "expires_in: should be"),
        ({"action": "input:x", "expires_in": timedelta(1)}, "expires_in: goes with a callback"),
    ],
)
def test_what_is_no_button(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ContentError, match=words):
        Button("label", **options)


def test_labels_and_numbers_are_bounded_as_for_other_buttons() -> None:
    with pytest.raises(ContentError, match=r"buttons\[0\].label: has 37"):
        ButtonGroup((Button("x" * 37, callback=Vote("x")),)).encode()
    with pytest.raises(ContentError, match="1 to 6 are documented"):
        group(*[Vote("x")] * 7).encode()


# Handlers


def test_what_is_no_callback() -> None:
    bot = make_bot()
    for kind in (str, Callback, Vote("x")):
        with pytest.raises(RegistrationError, match="is no subclass of Callback"):
            bot.on_callback(kind)  # type: ignore[arg-type]

    class Numbered(Callback, tag=5):
        pass

    with pytest.raises(RegistrationError, match="Numbered: the tag of a callback is text"):
        bot.on_callback(Numbered)


def test_two_callbacks_are_not_called_the_same() -> None:
    bot = make_bot()

    @bot.on_callback(Vote)
    async def voted(message: Message[Text], vote: Vote) -> None: ...

    bot.on_callback(Vote)(voted)
    bot.check()

    @bot.on_callback(Other)
    async def other(message: Message[Text], other: Other) -> None: ...

    with pytest.raises(
        RegistrationError,
        match=r"two callbacks are called 'vote': .*voted \(.*test_buttons\.py:\d+\).*other \(",
    ):
        bot.check()


def test_a_handler_gets_only_the_callback_that_it_is_for() -> None:
    bot = make_bot()

    @bot.on_callback(Vote)
    async def voted(message: Message[Text], page: Page) -> None: ...

    with pytest.raises(RegistrationError, match="page: Page, which nothing provides here"):
        bot.check()


# The key


def test_a_key_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "button-key"
    key = load_button_key(None, path)
    assert len(key) == KEY_LENGTH
    assert load_button_key(None, path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["button-key"]


def test_processes_that_make_a_key_at_once_have_the_same(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        paths = [tmp_path / str(number % 20) for number in range(60)]
        keys = pool.starmap(load_button_key, [(None, path) for path in paths])
    made = {path: path.read_bytes() for path in paths}
    assert [made[path] for path in paths] == keys
    assert len(set(keys)) == 20


def test_a_key_that_is_set_is_taken_and_nothing_made(tmp_path: Path) -> None:
    path = tmp_path / "button-key"
    assert load_button_key("a secret of the team", path) == b"a secret of the team"
    assert not path.exists()


def test_a_file_that_holds_no_key(tmp_path: Path) -> None:
    path = tmp_path / "button-key"
    path.write_bytes(b"short")
    with pytest.raises(SettingsError, match="button-key holds no key: remove it"):
        load_button_key(None, path)
    with pytest.raises(SettingsError, match=r"cannot be used: No such file.*set button_key"):
        load_button_key(None, tmp_path / "missing" / "button-key")


def test_a_key_that_cannot_be_used_ends_the_start_of_a_bot_that_has_callbacks(
    tmp_path: Path,
) -> None:
    path = tmp_path / "missing" / "button-key"
    unneeded = Buttons(APP, {}, Clock(), lambda: load_button_key(None, path))
    assert unneeded.read("no press", HERE) is None
    with pytest.raises(SettingsError):
        Buttons(APP, {"vote": Vote}, Clock(), lambda: load_button_key(None, path))


def test_the_key_is_never_shown() -> None:
    words = "a secret of the team"
    settings = load_bot_settings({"button_key": words}, {})
    assert settings.button_key == words
    assert words not in repr(settings)
    with pytest.raises(SettingsError) as refused:
        load_bot_settings({"button_key": "short secret"}, {})
    assert "short secret" not in str(refused.value)
    assert ">= 16" in str(refused.value)
    assert BotSettings().button_key is None
    reader = Buttons(APP, {}, Clock(), lambda: KEY)
    reader.read(text(group(Vote("yes"))), HERE)
    assert "kkk" not in repr(vars(reader))
