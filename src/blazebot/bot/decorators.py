"""Decorators that stand bare, ``@bot.on_recall``, or have parentheses: which of both it is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from blazebot.bot.filters import Filter
from blazebot.bot.signatures import Signature, UnresolvedAnnotation
from blazebot.errors import RegistrationError

PlainFilter = Filter | Callable[..., bool | Coroutine[Any, Any, bool]]
"""A filter that is told from a handler by its type: a function among them returns a bool."""


def bare_or_with_filters(
    given: tuple[Any, ...], decorator: Callable[..., Callable[[Any], Any]]
) -> Any:
    """Return what ``decorator(*filters)`` makes of what was ``given``: filters, or the handler.

    Raises:
        RegistrationError: what was given alone can be neither.
    """
    if len(given) == 1 and not _is_filter(given[0]):
        return decorator()(given[0])
    return decorator(*given)


def bare_or_empty(given: tuple[Any, ...], register: Callable[[Any], Any]) -> Any:
    """Return what ``register`` makes of the function ``given``, or itself if there is none.

    Raises:
        RegistrationError: more than the function was given.
    """
    if len(given) > 1:
        raise RegistrationError(f"{given[1]!r:.80}: this decorator takes the function alone")
    return register(*given) if given else register


def _is_filter(alone: Any) -> bool:
    if isinstance(alone, Filter):
        return True
    if isinstance(alone, type) or not callable(alone):
        raise RegistrationError(f"{alone!r:.80} is neither a function nor a filter")
    signature = Signature(alone, "handler")
    with suppress(UnresolvedAnnotation):  # so it is no bool
        if signature.returns() is bool:
            return True
    if signature.is_async:
        return False
    if getattr(alone, "__name__", "") == "<lambda>":
        return True
    # Taken for a filter, a handler that lacks its `async` would be forgotten without a word.
    raise signature.error("must be `async def`; a filter that is given alone must say `-> bool`")
