"""Steps of a conversation, in groups: each is a filter for who is at it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from blazebot.bot.filters import AnyMessage, Check, Filter
from blazebot.bot.injection import Scope
from blazebot.bot.states.state import Draft
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content


class UnknownStep(RegistrationError, AttributeError):
    """A group has no such step; the message names file and line."""


class _GroupType(type):
    # A type checker knows which steps there are, and need not hear of this.
    if not TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            there = ", ".join(one.name for one in cls._steps) or "no step"
            raise UnknownStep(
                f"{_line_above()}: there is no step {cls.__name__}.{name}; there is {there}"
            )


class States(metaclass=_GroupType):
    """A group of steps::

        class Survey(States, forget_after=timedelta(days=1)):
            name = Step()
            age = Step()

    Who has said nothing for ``forget_after`` is at no step any more, and the data is gone. By the
    names of group and step, such as ``Survey.age``, states are kept: within a bot no two groups are
    called the same.

    Raises:
        RegistrationError: a step stands in two groups, or twice in one.
    """

    _steps: ClassVar[tuple[Step, ...]] = ()
    _forget_after: ClassVar[float | None] = None
    _place: ClassVar[str] = ""

    def __init_subclass__(cls, *, forget_after: timedelta | None = None) -> None:
        cls._place = _line_above()
        if forget_after is not None and (
            not isinstance(forget_after, timedelta) or forget_after <= timedelta(0)
        ):
            raise RegistrationError(
                f"{cls._place}: {cls.__name__}: forget_after should be a timedelta above 0, not "
                f"{forget_after!r:.80}"
            )
        cls._forget_after = None if forget_after is None else forget_after.total_seconds()
        for name, value in vars(cls).items():
            if value is Step:
                raise RegistrationError(
                    f"{cls._place}: {cls.__name__}.{name} is no step: write {name} = Step()"
                )
            if isinstance(value, Step):
                value._join(cls, name)
        cls._steps = tuple(value for value in vars(cls).values() if isinstance(value, Step))


Group = type[States]


class Step(Filter):
    """A step of a group of :class:`States`; as a filter it takes messages of who is at it.

    ``name`` is such as ``Survey.age``, ``place`` its file and line.
    """

    def __init__(self) -> None:
        self.name = ""
        self.place = _line_above()
        self._group: Group | None = None

    def __repr__(self) -> str:
        return f"<Step {self.name or self.place}>"

    @property
    def group(self) -> Group:
        """The group that it belongs to.

        Raises:
            RegistrationError: it belongs to none.
        """
        if self._group is None:
            raise RegistrationError(
                f"the step made at {self.place} belongs to no group: make it in a class of States"
            )
        return self._group

    @property
    def forget_after(self) -> float | None:
        """Seconds after which who says nothing is at this step no longer."""
        return self.group._forget_after

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        """Return the filter ready to run; see :meth:`Filter.compile`."""
        _use(self.group, scope)
        return Check(self._is_here)

    def _is_here(self, message: AnyMessage) -> bool:
        draft: Draft = message.handed[Draft]
        return draft.step is self

    def _join(self, group: Group, name: str) -> None:
        if self._group is not None:
            raise RegistrationError(
                f"{group._place}: {group.__name__}.{name} is {self.name} ({self.place}) already: "
                "make it a Step() of its own"
            )
        self._group, self.name = group, f"{group.__name__}.{name}"


class _AtStep(Filter):
    def __init__(self, groups: tuple[Group, ...]) -> None:
        self._groups = groups

    def __repr__(self) -> str:
        return f"at_step({', '.join(group.__name__ for group in self._groups)})"

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        scope.used.add(Draft)
        for group in self._groups:
            _use(group, scope)
        return Check(self._is_at if self._groups else self._is_anywhere)

    def _is_at(self, message: AnyMessage) -> bool:
        draft: Draft = message.handed[Draft]
        return draft.step is not None and draft.step.group in self._groups

    def _is_anywhere(self, message: AnyMessage) -> bool:
        draft: Draft = message.handed[Draft]
        return draft.step is not None


def at_step(*groups: Group) -> Filter:
    """Take messages of who is at any step of these groups, or at any step at all.

    ``~at_step()`` is for who is at none.

    Raises:
        RegistrationError: something is no group of steps.
    """
    for group in groups:
        if not isinstance(group, _GroupType):
            raise RegistrationError(
                f"at_step: {group!r:.80} is no class of States; a step alone is a filter already"
            )
    return _AtStep(groups)


def steps_of(used: Iterable[object]) -> dict[str, Step]:
    """Return by name the steps of all groups among what is used."""
    return {step.name: step for group in _groups_of(used) for step in group._steps}


def _groups_of(used: Iterable[object]) -> list[Group]:
    return [one for one in used if isinstance(one, type) and issubclass(one, States)]


def _use(group: Group, scope: Scope) -> None:
    for other in _groups_of(scope.used):
        if other is not group and other.__name__ == group.__name__:
            raise RegistrationError(
                f"two groups of steps are called {group.__name__}: {other._place} and "
                f"{group._place}: call one of them something else"
            )
    scope.used.add(group)


def _line_above() -> str:
    """Return the file and line from where the function that asks was called."""
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
