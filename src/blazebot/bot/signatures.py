"""What a function of the application takes and returns, by its annotations. Pure."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blazebot.errors import RegistrationError

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class UnresolvedAnnotation(RegistrationError):
    """An annotation names what is not there at run time, or not yet."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that is to be injected.

    ``kind`` is its annotation without ``None``, which ``optional`` stands for.
    """

    name: str
    kind: object
    optional: bool
    has_default: bool


class Signature:
    """What ``function`` takes and returns; ``role`` says what it is to be, such as ``handler``."""

    def __init__(self, function: Callable[..., Any], role: str) -> None:
        self.place = f"{role} {place(function)}"
        self._function = function
        called = _called(function)
        self.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
        self._globals = getattr(inspect.unwrap(called), "__globals__", {})
        try:
            self._signature = inspect.signature(function)
        except (TypeError, ValueError):
            raise self.error("cannot be looked into: wrap it in a function") from None

    def error(self, words: str) -> RegistrationError:
        """Return an error that names the function with its file and line."""
        return RegistrationError(f"{self.place} {words}")

    def check_given(self, count: int, names: str) -> None:
        """Raise RegistrationError unless it takes ``count`` positional arguments: ``names``."""
        if len(self._given(count)) < count:
            raise self.error(f"must take {names} as its first, positional, argument(s)")

    def given(self, number: int) -> object:
        """Return the annotation of a positional parameter; ``Any`` where it has none.

        Raises:
            UnresolvedAnnotation: it names what is not there.
        """
        parameter = self._given(number + 1)[number]
        return self._resolve(parameter.name, parameter.annotation)

    def injected(self, given: int) -> list[Parameter]:
        """Return the parameters after the first ``given`` positional ones.

        Raises:
            RegistrationError: they cannot be injected; the message names one.
        """
        skipped = {parameter.name for parameter in self._given(given)}
        found: list[Parameter] = []
        for parameter in self._signature.parameters.values():
            if parameter.name in skipped:
                continue
            self._check_injectable(parameter)
            kind, optional = split_optional(self._resolve(parameter.name, parameter.annotation))
            twin = next((one.name for one in found if one.kind == kind), None)
            if twin is not None:
                raise self.error(
                    f"has two parameters for {show(kind)}: {twin} and {parameter.name}"
                )
            has_default = parameter.default is not inspect.Parameter.empty
            found.append(Parameter(parameter.name, kind, optional, has_default))
        return found

    def returns(self) -> object:
        """Return the annotation of what it returns; ``Any`` where it has none."""
        return self._resolve("return", self._signature.return_annotation)

    def _given(self, count: int) -> list[inspect.Parameter]:
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return [one for one in self._signature.parameters.values() if one.kind in positional][
            :count
        ]

    def _check_injectable(self, parameter: inspect.Parameter) -> None:
        if parameter.kind in _VARIADIC:
            raise self.error(
                f"takes {parameter}: what it needs cannot be seen. Where a decorator hides it, "
                "use functools.wraps in the decorator"
            )
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise self.error(f"has a positional-only parameter {parameter.name}: remove the `/`")
        if parameter.annotation is inspect.Parameter.empty:
            raise self.error(
                f"has a parameter {parameter.name} without annotation: what it gets is found by "
                "its type"
            )

    def _resolve(self, name: str, annotation: object) -> object:
        if annotation is inspect.Parameter.empty:
            return Any
        # get_type_hints reads only __annotations__, so that one unknown name spoils no other.
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            resolved: object = typing.get_type_hints(holder, self._globals)[name]
            hash(resolved)  # types are looked up; what cannot be is none
        except NameError as error:
            raise UnresolvedAnnotation(
                f"{self.place} is annotated {name}: {annotation}, but there is no "
                f"{error.name!r} at run time: import or define it at the top of its module, not "
                "under `if TYPE_CHECKING`"
            ) from None
        except (AttributeError, SyntaxError, TypeError) as error:
            raise self.error(
                f"is annotated {name}: {annotation}, which is no type: {error}"
            ) from None
        return resolved


def place(function: Callable[..., Any]) -> str:
    """Return the name of ``function`` with its file and line, as far as it has them."""
    function = inspect.unwrap(_without_partial(function))
    code = getattr(_called(function), "__code__", None)
    name = _qualname(function)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def full_name(function: Callable[..., Any]) -> str:
    """Return the name of ``function`` with its module, for logs and metrics."""
    function = inspect.unwrap(_without_partial(function))
    return f"{getattr(function, '__module__', '?')}.{_qualname(function)}"


def split_optional(annotation: object) -> tuple[object, bool]:
    """Return an annotation without ``None``, and whether it was one with ``None``."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation, False
    members = typing.get_args(annotation)
    rest = tuple(member for member in members if member is not types.NoneType)
    return (typing.Union[rest], True) if len(rest) < len(members) else (annotation, False)  # noqa: UP007 - made at run time


def show(annotation: object) -> str:
    """Return an annotation as one writes it, without the names of modules."""
    if annotation is types.NoneType:
        return "None"
    if isinstance(annotation, list | tuple):  # of Callable
        return f"[{', '.join(map(show, annotation))}]"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(show, arguments))
    name = getattr(origin or annotation, "__name__", str(annotation))
    return name + (show(arguments) if arguments else "")


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what runs when ``function`` is called: of a class, ``__init__``."""
    function = _without_partial(function)
    if inspect.isroutine(function):
        return function
    name, holder = (
        ("__init__", function) if isinstance(function, type) else ("__call__", type(function))
    )
    called: Callable[..., Any] = getattr(holder, name)
    return called


def _without_partial(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _qualname(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)
