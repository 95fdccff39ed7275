"""Targets that need an event loop, and something that serves in it for many inputs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final, TypeVar

from fuzz.choices import Choices
from fuzz.watch import Finding, Watch

W = TypeVar("W")

Attempt = Callable[[bytes], None]
"""Tries one input; raises if a promise is broken."""

WITHIN: Final = 10.0
"""Seconds that one input may take."""

_ANEW: Final = 200
"""Inputs after which what serves is stopped, and another begun: memory stays small."""


@contextmanager
def in_loop(
    open_world: Callable[[Watch], AbstractAsyncContextManager[W]],
    attempt: Callable[[W, Choices], Awaitable[None]],
    *,
    allowed: tuple[str, ...] = (),
) -> Iterator[Attempt]:
    """Yield what tries inputs with ``attempt`` in a world that many of them share."""
    loop = asyncio.new_event_loop()
    world: AbstractAsyncContextManager[W] | None = None
    with Watch(allowed) as watch:
        loop.set_exception_handler(watch.on_loop_error)
        entered: list[W] = []
        tried = 0

        def close() -> None:
            nonlocal world
            if world is not None:
                loop.run_until_complete(world.__aexit__(None, None, None))
                world = None
                entered.clear()

        def tries(data: bytes) -> None:
            nonlocal world, tried
            if tried % _ANEW == 0:
                close()
            tried += 1
            if world is None:
                world = open_world(watch)
                entered.append(loop.run_until_complete(world.__aenter__()))
            loop.run_until_complete(_bounded(attempt(entered[0], Choices(data))))
            watch.report()

        try:
            yield tries
        finally:
            close()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


async def _bounded(attempt: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(WITHIN):
            await attempt
    except TimeoutError:
        raise Finding(f"not done within {WITHIN:g} s") from None
