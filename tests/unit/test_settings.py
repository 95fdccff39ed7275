"""Settings: arguments over environment over file, each mistake named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
import pytest

from blazebot import BotOptions
from blazebot.bot.settings import BotSettings
from blazebot.errors import SettingsError
from blazebot.settings import load_settings


class Example(msgspec.Struct, frozen=True):
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8443
    timeout: float = 10.0
    strict: bool = False
    faults: tuple[str, ...] = ()
    limit: int | None = None


def load(
    tmp_path: Path,
    file: str | None = None,
    environment: dict[str, str] | None = None,
    **arguments: Any,
) -> Example:
    path = tmp_path / "blazebot.toml"
    if file is not None:
        path.write_text(file, encoding="utf-8")
    return load_settings(
        Example,
        table="example",
        prefix="BLAZEBOT_",
        arguments=arguments,
        environment=environment or {},
        path=path,
    )


def test_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Example()
    assert load(tmp_path, file="") == Example()
    assert load(tmp_path, file="[other]\nport = 1") == Example()


def test_precedence(tmp_path: Path) -> None:
    file = "[example]\nport = 1\ntimeout = 1\nhost = 'file'"
    environment = {"BLAZEBOT_PORT": "2", "BLAZEBOT_TIMEOUT": "2.5"}
    assert load(tmp_path, file, environment, port=3) == Example("file", 3, 2.5)


def test_none_and_empty_are_not_given(tmp_path: Path) -> None:
    assert load(tmp_path, environment={"BLAZEBOT_PORT": ""}, port=None) == Example()


def test_the_environment_is_text(tmp_path: Path) -> None:
    environment = {
        "BLAZEBOT_STRICT": "true",
        "BLAZEBOT_FAULTS": "lose, delay ,",
        "BLAZEBOT_LIMIT": "5",
        "OTHER_PORT": "1",
    }
    assert load(tmp_path, environment=environment) == Example(
        strict=True, faults=("lose", "delay", ""), limit=5
    )


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLAZEBOT_PORT", "9")
    settings = load_settings(Example, table="example", prefix="BLAZEBOT_", path="no such file")
    assert settings.port == 9


def test_paths_become_text(tmp_path: Path) -> None:
    assert load(tmp_path, host=Path("a") / "b") == Example(host=str(Path("a") / "b"))


MISTAKES: dict[str, tuple[str | None, dict[str, str], dict[str, Any], str]] = {
    "unknown in the file": ("[example]\nprot = 1", {}, {}, r"toml: \[example\] .*'prot'.*port"),
    "wrong type in the file": ("[example]\nport = []", {}, {}, r"toml: \[example\] port: Expected"),
    "out of range in the file": ("[example]\nport = 70000", {}, {}, r"port: .*<= 65535"),
    "no table": ("example = 1", {}, {}, r"write \[example\]"),
    "not TOML": ("[example", {}, {}, "cannot be read"),
    "environment": (None, {"BLAZEBOT_PORT": "x"}, {}, "environment variable BLAZEBOT_PORT: "),
    "out of range": (None, {"BLAZEBOT_PORT": "-1"}, {}, "environment variable BLAZEBOT_PORT: "),
    "argument": (None, {}, {"timeout": "soon"}, "argument timeout: "),
    "unknown argument": (None, {}, {"prot": 1}, "no setting 'prot'.*faults, host"),
    "unknown argument without a value": (None, {}, {"prot": None}, "no setting 'prot'"),
}


@pytest.mark.parametrize(
    ("file", "environment", "arguments", "words"), MISTAKES.values(), ids=MISTAKES
)
def test_mistakes(
    tmp_path: Path,
    file: str | None,
    environment: dict[str, str],
    arguments: dict[str, Any],
    words: str,
) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        load(tmp_path, file, environment, **arguments)
    assert caught.value.__cause__ is None


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "blazebot.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(Example, table="example", prefix="X_", environment={}, path=tmp_path)


def test_what_a_bot_takes_as_arguments_are_its_settings() -> None:
    settings = get_type_hints(BotSettings)
    del settings["keystore"]  # an argument of its own
    settings["data_dir"] |= Path
    options = get_type_hints(BotOptions)
    assert options == settings
    assert list(options) == list(settings)
    assert BotOptions.__required_keys__ == frozenset()
