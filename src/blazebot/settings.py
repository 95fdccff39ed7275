"""The one way that settings are read: arguments over environment over ``blazebot.toml``.

A kind of settings is a frozen struct with a default for each field; what may be set, and to what,
stands there and nowhere else.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import msgspec

from blazebot.errors import SettingsError

T = TypeVar("T", bound=msgspec.Struct)

SETTINGS_FILE = "blazebot.toml"


def load_settings(
    kind: type[T],
    *,
    table: str,
    prefix: str,
    arguments: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    path: str | Path = SETTINGS_FILE,
) -> T:
    """Return settings of ``kind``.

    ``arguments`` that are None count as not given. An environment variable is ``prefix`` and the
    field's name in upper case, a list in it separated by commas; an empty one counts as not
    given. ``table`` is the table of the settings file, which need not exist.

    Raises:
        SettingsError: a value is unknown or malformed; the message names where it stands.
    """
    environment = os.environ if environment is None else environment
    names = kind.__struct_fields__
    lists = {name for name, hint in _hints(kind).items() if get_origin(hint) is tuple}
    merged: dict[str, Any] = {}

    for name, value in _read_table(Path(path), table).items():
        if name not in names:
            raise SettingsError(f"{path}: [{table}] has no setting {name!r}; it has {_list(names)}")
        merged[name] = _convert(kind, name, value, f"{path}: [{table}] {name}")
    for name in names:
        variable = prefix + name.upper()
        text = environment.get(variable)
        if text:
            value = [part.strip() for part in text.split(",")] if name in lists else text
            merged[name] = _convert(kind, name, value, f"environment variable {variable}")
    for name, value in (arguments or {}).items():
        if name not in names:
            raise SettingsError(f"there is no setting {name!r}; there are {_list(names)}")
        if value is not None:
            merged[name] = _convert(kind, name, value, f"argument {name}")
    return kind(**merged)


def _read_table(path: Path, table: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    values = document.get(table, {})
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: {table} must be a table: write [{table}]")
    return values


def _convert(kind: type[msgspec.Struct], name: str, value: Any, where: str) -> Any:
    # Field by field, so that the message can name the place and not only the field.
    if isinstance(value, Path):
        value = str(value)
    try:
        return msgspec.convert(value, _hints(kind)[name], strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}") from None


@cache  # resolving them takes longer than all else here
def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(sorted(names))
