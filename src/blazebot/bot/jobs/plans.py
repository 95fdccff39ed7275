"""Jobs as they are registered, checked and ready to run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple, TypeVar, get_args, get_origin

import msgspec

from blazebot.bot.injection import Scope, plan_call
from blazebot.bot.jobs.job import Job, JobRoute
from blazebot.bot.jobs.schedules import schedule_of
from blazebot.bot.middleware.chain import chain, link
from blazebot.bot.signatures import Signature, show
from blazebot.errors import JobError, RegistrationError

NAME_LENGTH: Final = 100
"""Characters of a job's name."""


class JobPlan(NamedTuple):
    """A job with all that it needs: ``call(job)`` runs it, ``data`` reads its data from JSON."""

    route: JobRoute
    call: Callable[[Job], Coroutine[Any, Any, None]]
    data: msgspec.json.Decoder[Any]


def job_route(
    signature: Signature,
    handler: Callable[..., Coroutine[Any, Any, None]],
    *,
    name: str | None = None,
    every: timedelta | None = None,
    cron: str | None = None,
    tz: str | None = None,
    grace: timedelta | None = None,
    timeout: timedelta | None = None,
) -> JobRoute:
    """Return a job as its decorator was told.

    Raises:
        RegistrationError: that makes no job; the message names file and line.
    """
    name = getattr(handler, "__name__", "") if name is None else name
    if not isinstance(name, str) or not name.isidentifier() or len(name) > NAME_LENGTH:
        raise signature.error(
            f"cannot be called {name!r:.120}: a job's name is a word of letters, digits and _"
        )
    try:
        return JobRoute(
            name,
            handler,
            schedule_of(every, cron, tz),
            _seconds("grace", grace, least=0.0),
            _seconds("timeout", timeout, least=0.001),
        )
    except JobError as error:
        raise signature.error(f"is no job: {error}") from None


def _seconds(name: str, value: timedelta | None, *, least: float) -> float | None:
    if value is None:
        return None
    if not isinstance(value, timedelta) or value.total_seconds() < least:
        raise JobError(f"{name}: should be a timedelta of {least:g} s or more, not {value!r:.80}")
    return value.total_seconds()


def plan_jobs(
    routes: Mapping[JobRoute, Sequence[Callable[..., Any]]], scope: Scope
) -> Mapping[str, JobPlan]:
    """Return jobs by name; ``routes`` come with the middleware around each, the outermost first.

    Raises:
        RegistrationError: two have one name, or one cannot get what it asks for; the message names
            file and line.
    """
    plans: dict[str, JobPlan] = {}
    for route, middleware in routes.items():
        if route.name in plans:
            raise RegistrationError(
                f"job {route.name!r} is there twice: {plans[route.name].route.place}, and "
                f"{route.place}: give one of them a name of its own"
            )
        links, within = link(middleware, scope)
        call = chain(links, plan_call(route.handler, within, role="job", given=0).call)
        plans[route.name] = JobPlan(route, call, _decoder(Signature(route.handler, "job")))
    return plans


def _decoder(signature: Signature) -> msgspec.json.Decoder[Any]:
    kinds = [one.kind for one in signature.injected(0) if get_origin(one.kind) is Job]
    kind = get_args(kinds[0])[0] if kinds else Any
    try:
        return msgspec.json.Decoder(Any if isinstance(kind, TypeVar) else kind)
    except TypeError as error:
        raise signature.error(
            f"takes Job[{show(kind)}], which cannot be kept as JSON: {error}"
        ) from None
