"""The state that a handler gets: where somebody is in a conversation, and what they have said."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, cast

import msgspec

from blazebot.bot.states.history import Change, Version, merged
from blazebot.errors import RegistrationError, StateError

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from blazebot.bot.states.steps import Step

    D_co = TypeVar("D_co", covariant=True, default=Mapping[str, Any])
else:
    from typing import TypeVar

    D_co = TypeVar("D_co", covariant=True)

DATA_LIMIT: Final = 64 * 1024
"""Bytes of a state's data as JSON."""


class Draft:
    """A state as one message sees it, and what is done to it meanwhile.

    ``step`` is None where there is none. ``change`` is None as long as nothing is done. ``steps``
    are those that the bot knows, by name.
    """

    __slots__ = ("change", "step", "steps", "version")

    def __init__(self, version: Version, steps: Mapping[str, Step]) -> None:
        self.version = version
        self.steps = steps
        self.step = steps.get(version.step)
        self.change: Change | None = None

    @property
    def data(self) -> msgspec.Raw:
        """Its data as it is by now, as JSON."""
        return self._applied(self.change)

    def go(self, step: Step, fields: Mapping[str, msgspec.Raw]) -> None:
        """Go to a step, and put fields of the data.

        Raises:
            StateError: the bot does not know the step, or the data would be too large.
        """
        if step not in self.steps.values():
            raise StateError(
                f"{step!r:.120} is no step that this bot knows: none of its filters is for a step "
                "of that group, so nobody would get on from there"
            )
        self.put(fields, step.name)
        self.step = step

    def put(self, fields: Mapping[str, msgspec.Raw], step: str | None = None) -> None:
        """Put fields of the data.

        Raises:
            StateError: the data would be too large.
        """
        before = self.change or Change()
        step = before.step if step is None else step
        change = Change(before.clear, {**before.fields, **fields}, step)
        size = len(self._applied(change))
        if size > DATA_LIMIT:
            raise StateError(
                f"the state's data would have {size} bytes as JSON; {DATA_LIMIT} are allowed: keep "
                "what is large elsewhere, and its id here"
            )
        self.change = change

    def clear(self) -> None:
        """Go to no step, and forget the data."""
        self.change = Change(clear=True)
        self.step = None

    def _applied(self, change: Change | None) -> msgspec.Raw:
        return self.version.data if change is None else change.applied_to(self.version, 0).data


class State(Generic[D_co]):
    """Where somebody is in a conversation, and what they have said so far.

    Annotated ``State``, ``data`` is a mapping; with a class of data, ``State[Answers]``, it is one
    of those. The class is a frozen ``msgspec.Struct`` whose fields all have defaults.

    What a handler does to it takes effect when the handler has succeeded, all together: if it
    fails, nothing has happened. A message sees the state as it was for that message, also when it
    comes again after later ones.
    """

    __slots__ = ("_draft", "_kind")

    def __init__(self, draft: Draft, kind: type[msgspec.Struct] | None = None) -> None:
        self._draft = draft
        self._kind = kind

    def __repr__(self) -> str:
        # What people said is not for logs.
        return f"<State {self.step.name if self.step else 'at no step'}>"

    @property
    def step(self) -> Step | None:
        """The step that the person is at, or None."""
        return self._draft.step

    @property
    def data(self) -> D_co:
        """What was put so far. To change it use :meth:`set` or :meth:`update`: it is a copy.

        Raises:
            StateError: what is kept does not fit the class of data; it was another class then.
        """
        if self._kind is None:
            mapping = msgspec.json.decode(self._draft.data)
            return cast("D_co", MappingProxyType(mapping))
        return cast("D_co", _decode(self._draft.data, self._kind))

    def set(self, step: Step, /, **fields: Any) -> None:
        """Go to ``step``; and as :meth:`update`.

        Raises:
            StateError: as :meth:`update`; or no handler of the bot takes a step of that group.
        """
        self._draft.go(step, self._encoded(fields))

    def update(self, **fields: Any) -> None:
        """Put fields of the data. What was put under other names stays.

        Raises:
            StateError: a value is nothing that JSON has, or not what the class of data says.
        """
        self._draft.put(self._encoded(fields))

    def clear(self) -> None:
        """Be at no step, and forget the data."""
        self._draft.clear()

    def _encoded(self, fields: Mapping[str, Any]) -> dict[str, msgspec.Raw]:
        names = None if self._kind is None else _names(self._kind)
        encoded: dict[str, msgspec.Raw] = {}
        for name, value in fields.items():
            if names is not None and name not in names:
                raise StateError(
                    f"{cast('type', self._kind).__name__} has no field {name}; it has "
                    f"{', '.join(names)}"
                )
            try:
                raw = msgspec.Raw(msgspec.json.encode(value))
            except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
                raise StateError(f"{name}: cannot be kept as JSON: {error}") from None
            encoded[names[name] if names else name] = raw
        if self._kind is not None:
            _decode(merged(self._draft.data, encoded), self._kind)
        return encoded


def check_data(kind: object) -> type[msgspec.Struct]:
    """Return ``kind`` if it can be a class of data.

    Raises:
        RegistrationError: it cannot; the message names its file and line.
    """
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        raise RegistrationError(
            f"State[{getattr(kind, '__name__', kind)}]: the data is to be a class of msgspec.Struct"
        )
    words = f"State[{kind.__name__}]: {_place(kind)}"
    if not kind.__struct_config__.frozen:
        raise RegistrationError(
            f"{words}: write class {kind.__name__}(msgspec.Struct, frozen=True): data is changed "
            "by state.update() alone"
        )
    try:
        msgspec.json.decode(b"{}", type=kind)
    except (msgspec.MsgspecError, TypeError) as error:
        raise RegistrationError(
            f"{words}: each field needs a default, as conversations begin without data: {error}"
        ) from None
    return kind


def _decode(data: msgspec.Raw, kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise StateError(f"the state's data is no {kind.__name__}: {error}") from None


def _names(kind: type[msgspec.Struct]) -> dict[str, str]:
    return dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))


def _place(kind: type) -> str:
    try:
        return f"{inspect.getsourcefile(kind)}:{inspect.getsourcelines(kind)[1]}"
    except (OSError, TypeError):  # such as at an interactive prompt
        return f"in {kind.__module__}"
