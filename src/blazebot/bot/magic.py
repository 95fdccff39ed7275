"""``F``: a filter written as the expression that it checks, such as ``F.content.width > 100``."""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Sequence
from typing import Any

from blazebot.bot.filters import AnyMessage, Check, Filter
from blazebot.bot.injection import Scope
from blazebot.wire.content import Content

_NO_MATCH = (AttributeError, TypeError, LookupError, ValueError, ArithmeticError)


class Magic(Filter):
    """An expression over a message, that fits where it is true.

    Attributes, items, calls of methods and comparisons are written as for the message itself;
    ``in_``, ``contains`` and ``len`` stand in for what Python cannot leave unevaluated. Where
    something on the way is missing, or is of another type, the expression does not fit; nothing is
    raised. ``&``, ``|`` and ``~`` combine it, as all filters.
    """

    __hash__ = object.__hash__
    __iter__ = None  # else Python would count through __getitem__, and never come to an end

    def __init__(
        self, get: Callable[[Any], Any], shown: str, path: tuple[str, ...] | None = None
    ) -> None:
        self._get = get
        self._shown = shown
        self._path = path  # of attributes, if it is nothing else: they are got in one call

    def __repr__(self) -> str:
        return self._shown

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r}: combine filters by &, | and ~, not by and, or, not and in")

    def __getattr__(self, name: str) -> Magic:
        if name.startswith("_"):
            raise AttributeError(name)
        shown = f"{self._shown}.{name}"
        if self._path is not None:
            path = (*self._path, name)
            return Magic(operator.attrgetter(".".join(path)), shown, path)
        get = self._get
        return Magic(lambda message: getattr(get(message), name), shown)

    def __getitem__(self, key: Any) -> Magic:
        get = self._get
        return Magic(lambda message: get(message)[key], f"{self._shown}[{key!r}]")

    def __call__(self, *arguments: Any, **named: Any) -> Magic:
        """Stand for what the method returns."""
        get = self._get
        words = [repr(one) for one in arguments] + [f"{key}={one!r}" for key, one in named.items()]
        return Magic(
            lambda message: get(message)(*arguments, **named),
            f"{self._shown}({', '.join(words)})",
        )

    def __eq__(self, other: object) -> Magic:  # type: ignore[override] # an expression, not a bool
        return self._compared(operator.eq, "==", other)

    def __ne__(self, other: object) -> Magic:  # type: ignore[override]
        return self._compared(operator.ne, "!=", other)

    def __lt__(self, other: object) -> Magic:
        return self._compared(operator.lt, "<", other)

    def __le__(self, other: object) -> Magic:
        return self._compared(operator.le, "<=", other)

    def __gt__(self, other: object) -> Magic:
        return self._compared(operator.gt, ">", other)

    def __ge__(self, other: object) -> Magic:
        return self._compared(operator.ge, ">=", other)

    def in_(self, container: Container[Any]) -> Magic:
        """Fit where the value is one of ``container``."""
        get = self._get
        return Magic(lambda message: get(message) in container, f"{self!r}.in_({container!r})")

    def contains(self, item: Any) -> Magic:
        """Fit where ``item`` is in the value."""
        get = self._get
        return Magic(lambda message: item in get(message), f"{self!r}.contains({item!r})")

    def len(self) -> Magic:
        """Stand for the length of the value."""
        get = self._get
        return Magic(lambda message: len(get(message)), f"{self!r}.len()")

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        """Return the expression ready to run; see :meth:`Filter.compile`."""
        get = self._get

        def run(message: AnyMessage) -> Any:
            try:
                return get(message)
            except _NO_MATCH:
                return False

        return Check(run)

    def _compared(self, compare: Callable[[Any, Any], Any], sign: str, other: object) -> Magic:
        get = self._get
        shown = f"({self._shown} {sign} {other!r})"
        if isinstance(other, Magic):
            other_get = other._get
            return Magic(lambda message: compare(get(message), other_get(message)), shown)
        return Magic(lambda message: compare(get(message), other), shown)


F = Magic(lambda message: message, "F", ())
"""The message, in a filter: ``F.content.text.lower().startswith("x")``, ``F.user_id == alice``."""
