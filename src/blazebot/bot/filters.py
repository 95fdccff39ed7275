"""Filters: which messages a handler takes, beside the kind of their content.

Any callable that takes the message is a filter, async or not; further parameters are injected. One
that returns a bool says whether the message fits. One that returns ``T | None`` says so by a value,
which is handed over to the handler's parameter annotated ``T``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from blazebot.bot.injection import Scope, plan_call
from blazebot.bot.message import Message, takes
from blazebot.bot.signatures import Signature, place, show, split_optional
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content, Text
from blazebot.wire.ids import contact_conversation_id, is_uuid

AnyMessage = Message[Any]
HELLO: Final = ("Hello", "你好")
"""What the service writes on behalf of a person who adds the bot as a friend [S]."""


class Check(NamedTuple):
    """A filter with all that it needs: ``run(message)`` is true or false, awaited if ``waits``.

    ``hands`` are the types of what it hands over if it fits; False stands for what may be missing.
    """

    run: Callable[[AnyMessage], Any]
    waits: bool = False
    hands: Mapping[object, bool] = {}


class Filter:
    """A filter that can be combined: ``a & b``, ``a | b``, ``~a``.

    ``Filter(function)`` makes one of any callable, also as a decorator. Filters of this module and
    ``F`` are such filters; they combine with plain callables too.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __repr__(self) -> str:
        return f"<Filter {place(self._function)}>"

    def __and__(self, other: FilterLike) -> Filter:
        return _Both(self, as_filter(other))

    def __rand__(self, other: FilterLike) -> Filter:
        return _Both(as_filter(other), self)

    def __or__(self, other: FilterLike) -> Filter:
        return _Either(self, as_filter(other))

    def __ror__(self, other: FilterLike) -> Filter:
        return _Either(as_filter(other), self)

    def __invert__(self) -> Filter:
        return _Not(self)

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        """Return the filter ready to run for messages with content of ``kinds`` in ``scope``.

        Raises:
            RegistrationError: it cannot be a filter there; the message names file and line.
        """
        signature = Signature(self._function, "filter")
        signature.check_given(1, "the message")
        if not takes(signature.given(0), kinds):
            names = ", ".join(kind.__name__ for kind in kinds)
            raise signature.error(f"takes {show(signature.given(0))}, but is to look at {names}")
        plan = plan_call(self._function, scope, role="filter", given=1)
        returned, _ = split_optional(signature.returns())
        if returned is type(None):
            raise signature.error("returns None: a filter returns a bool, or a value or None")
        if returned in (bool, Any, object):
            run = plan.call if plan.waits else _refusing_coroutines(plan.call, signature)
            return Check(run, plan.waits)
        return Check(_handing(plan.call, returned, plan.waits), plan.waits, {returned: True})


FilterLike = Filter | Callable[..., Any]
"""What can be a filter."""


def as_filter(filter_: FilterLike) -> Filter:
    """Return a filter for anything that can be one.

    Raises:
        RegistrationError: it cannot.
    """
    if isinstance(filter_, Filter):
        return filter_
    if isinstance(filter_, type) or not callable(filter_):
        raise RegistrationError(f"{filter_!r:.80} is no filter: it should take a message")
    return Filter(filter_)


def compile_filters(
    filters: Sequence[Filter], scope: Scope, kinds: Sequence[type[Content]]
) -> Check | None:
    """Return one check that all of ``filters`` fit, or None if there are none; raises as theirs."""
    if not filters:
        return None
    whole = filters[0]
    for one in filters[1:]:
        whole = _Both(whole, one)
    return whole.compile(scope, kinds)


# What combines


class _Both(Filter):
    def __init__(self, first: Filter, second: Filter) -> None:
        self._first = first
        self._second = second

    def __repr__(self) -> str:
        return f"({self._first!r} & {self._second!r})"

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        first = self._first.compile(scope, kinds)
        second = self._second.compile(scope.behind(first.hands), kinds)
        for kind in first.hands.keys() & second.hands.keys():
            raise RegistrationError(f"{self!r} hands over two of {show(kind)}: leave one out")
        hands = {**first.hands, **second.hands}
        if first.waits or second.waits:
            return Check(_both_awaited(first, second), waits=True, hands=hands)
        left, right = first.run, second.run
        return Check(lambda message: left(message) and right(message), hands=hands)


def _both_awaited(first: Check, second: Check) -> Callable[[AnyMessage], Any]:
    async def run(message: AnyMessage) -> Any:
        return await _run(first, message) and await _run(second, message)

    return run


class _Either(Filter):
    def __init__(self, first: Filter, second: Filter) -> None:
        self._first = first
        self._second = second

    def __repr__(self) -> str:
        return f"({self._first!r} | {self._second!r})"

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        first = self._first.compile(scope, kinds)
        second = self._second.compile(scope, kinds)
        # Only what both hand over is there in any case.
        hands = {
            kind: first.hands.get(kind, False) and second.hands.get(kind, False)
            for kind in (*first.hands, *second.hands)
        }
        if hands or first.waits or second.waits:
            return Check(_either_awaited(first, second, tuple(hands)), waits=True, hands=hands)
        left, right = first.run, second.run
        return Check(lambda message: left(message) or right(message))


def _either_awaited(
    first: Check, second: Check, hands: Sequence[object]
) -> Callable[[AnyMessage], Any]:
    async def run(message: AnyMessage) -> Any:
        for side in (first, second):
            for kind in hands:  # from a side, or a route, that did not fit
                message.handed.pop(kind, None)
            if await _run(side, message):
                return True
        return False

    return run


class _Not(Filter):
    def __init__(self, negated: Filter) -> None:
        self._negated = negated

    def __repr__(self) -> str:
        return f"~{self._negated!r}"

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        negated = self._negated.compile(scope, kinds)
        if negated.hands or negated.waits:
            return Check(_not_awaited(negated), waits=True)
        run = negated.run
        return Check(lambda message: not run(message))


def _not_awaited(negated: Check) -> Callable[[AnyMessage], Any]:
    async def run(message: AnyMessage) -> Any:
        before = {kind: message.handed[kind] for kind in negated.hands if kind in message.handed}
        fits = await _run(negated, message)
        for kind in negated.hands:
            message.handed.pop(kind, None)
        message.handed.update(before)
        return not fits

    return run


async def _run(check: Check, message: AnyMessage) -> Any:
    result = check.run(message)
    return await result if check.waits else result


def _refusing_coroutines(
    call: Callable[[AnyMessage], Any], signature: Signature
) -> Callable[[AnyMessage], Any]:
    def run(message: AnyMessage) -> Any:
        result = call(message)
        if result is True or not result:
            return result
        if inspect.iscoroutine(result):
            result.close()
            raise signature.error("returns a coroutine, which is always true: make it `async def`")
        return result

    return run


def _handing(call: Callable[..., Any], kind: object, waits: bool) -> Callable[[AnyMessage], Any]:
    def run(message: AnyMessage) -> bool:
        value = call(message)
        message.handed[kind] = value
        return value is not None

    async def run_awaited(message: AnyMessage) -> bool:
        value = await call(message)
        message.handed[kind] = value
        return value is not None

    return run_awaited if waits else run


# Ready ones


def from_user(*user_ids: str) -> Filter:
    """Take messages from any of these users.

    Raises:
        RegistrationError: one is no user id.
    """
    for user_id in user_ids:
        if not is_uuid(user_id):
            raise RegistrationError(f"from_user: a user id is a UUID, not {user_id!r:.80}")
    ids = frozenset(user_id.lower() for user_id in user_ids)
    return Filter(lambda message: message.user_id.lower() in ids)


def matches(pattern: str | re.Pattern[str]) -> Filter:
    """Take texts in which ``pattern`` is found, and hand over the ``re.Match[str]``.

    Raises:
        RegistrationError: it is no regular expression.
    """
    try:
        search = re.compile(pattern).search
    except (re.error, TypeError) as error:
        raise RegistrationError(f"{pattern!r:.80} is no regular expression: {error}") from None

    def find(message: Message[Text]) -> re.Match[str] | None:
        return search(message.content.text)

    return Filter(find)


@Filter
def in_contact(message: Message[Content]) -> bool:
    """Take messages in a conversation of two, the sender and the bot."""
    return message.conversation_id == contact_conversation_id(message.bot.id, message.user_id)


@Filter
def in_group(message: Message[Content]) -> bool:
    """Take messages in a group: in any conversation that is not of two."""
    return message.conversation_id != contact_conversation_id(message.bot.id, message.user_id)


@Filter
def quoted(message: Message[Content]) -> bool:
    """Take messages that quote another."""
    return message.quote_message_id is not None


@Filter
def encrypted(message: Message[Content]) -> bool:
    """Take messages that came encrypted."""
    return message.is_encrypted


@Filter
def hello(message: Message[Text]) -> bool:
    """Take the service's Hello on behalf of a person who added the bot as a friend [S].

    It cannot be told apart from a person who writes just that in a conversation of two.
    """
    return message.content.text in HELLO and message.conversation_id == contact_conversation_id(
        message.bot.id, message.user_id
    )
