"""Spans of OpenTelemetry: one for each message and job, in it one for each message that is sent.

They go where the application has told OpenTelemetry's SDK. What is said and to whom is not in them,
but for ids. Imported only where the setting ``traces`` is on; it needs the extra ``otel``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

try:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, StatusCode
except ImportError:
    raise ImportError(
        "blazebot.bot.traces needs the extra `otel`: pip install 'blazebot[otel]'"
    ) from None

from blazebot.bot.jobs.plans import JobPlan
from blazebot.bot.jobs.storage import StoredJob
from blazebot.bot.message import Message
from blazebot.bot.outgoing import Outgoing, Sendable, SendOptions, SendResult, Target
from blazebot.bot.signatures import full_name
from blazebot.delivery.message_ids import SentByHandler
from blazebot.wire.content import Content

R = TypeVar("R")

tracer = trace.get_tracer("blazebot")


def traced(
    handle: Callable[[Message[Any]], Coroutine[Any, Any, R]],
) -> Callable[[Message[Any]], Coroutine[Any, Any, R]]:
    """Return ``handle`` in a span, which has failed if it raises."""

    async def handle_in_span(message: Message[Any]) -> R:
        attributes = {
            "messaging.system": "mixin",
            "messaging.operation.type": "process",
            "messaging.message.id": message.id,
            "messaging.message.conversation_id": message.conversation_id,
            "mixin.category": message.category,
            "enduser.id": message.user_id,
        }
        with tracer.start_as_current_span(
            f"handle {message.category}", kind=SpanKind.CONSUMER, attributes=attributes
        ) as span:
            try:
                with _cancellation_shown(span):
                    return await handle(message)
            finally:
                if message.route is not None:
                    span.set_attribute("code.function.name", message.route.name)

    return handle_in_span


RunJob: TypeAlias = Callable[[JobPlan, StoredJob], Coroutine[Any, Any, None]]


def traced_job(run: RunJob) -> RunJob:
    """Return ``run`` in a span of its own, which has failed if it raises."""

    async def run_in_span(plan: JobPlan, job: StoredJob) -> None:
        attributes = {
            "messaging.system": "mixin",
            "mixin.job": job.name,
            "code.function.name": full_name(plan.route.handler),
        }
        # Not in the span of the message whose handler scheduled it.
        in_span = tracer.start_as_current_span(
            f"job {job.name}", context=Context(), attributes=attributes
        )
        with in_span as span, _cancellation_shown(span):
            await run(plan, job)

    return run_in_span


@contextmanager
def _cancellation_shown(span: Span) -> Iterator[None]:
    try:
        yield
    except asyncio.CancelledError:
        span.set_status(StatusCode.ERROR, "cancelled")  # such as by handler_timeout
        raise


class TracedOutgoing(Outgoing):
    """Sends each message, and each batch, in a span."""

    async def send(
        self,
        target: Target,
        what: Sendable,
        options: SendOptions,
        *,
        sent: SentByHandler | None,
        answers_encrypted: bool = False,
        waits: bool = True,
    ) -> str:
        """Send; as :meth:`Outgoing.send`."""
        attributes = {
            "messaging.system": "mixin",
            "messaging.operation.type": "send",
            "messaging.message.conversation_id": target.conversation_id,
        }
        with tracer.start_as_current_span(
            "send", kind=SpanKind.PRODUCER, attributes=attributes
        ) as span:
            message_id = await super().send(
                target,
                what,
                options,
                sent=sent,
                answers_encrypted=answers_encrypted,
                waits=waits,
            )
            span.set_attribute("messaging.message.id", message_id)
            return message_id

    async def send_batch(
        self,
        messages: Sequence[tuple[str, Content | str]],
        options: SendOptions,
        *,
        sent: SentByHandler | None,
    ) -> list[SendResult]:
        """Send; as :meth:`Outgoing.send_batch`."""
        attributes: dict[str, str | int] = {
            "messaging.system": "mixin",
            "messaging.operation.type": "send",
            "messaging.batch.message_count": len(messages),
        }
        with tracer.start_as_current_span(
            "send batch", kind=SpanKind.PRODUCER, attributes=attributes
        ):
            return await super().send_batch(messages, options, sent=sent)
