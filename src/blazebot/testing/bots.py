"""The bot that a test is about, from whatever its author has."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeAlias, Unpack

from blazebot import Bot, BotOptions, Router
from blazebot.errors import SandboxError

__all__ = ["RunBot", "Runnable", "bot_of"]

Runnable: TypeAlias = "Bot | Router | Callable[[], Bot | Router] | str"
"""A bot, a router, a function that makes one, or ``module:name`` of any of these."""


class RunBot(Protocol):
    """``bot = await run_bot(...)``: see :meth:`~blazebot.testing.sandbox.Sandbox.run`."""

    def __call__(
        self, what: Runnable, /, *more: Router, name: str = ..., **settings: Unpack[BotOptions]
    ) -> Awaitable[Bot]:
        """Run a bot until the test ends."""


def bot_of(what: Runnable, *more: Router) -> Bot:
    """Return the bot to run; routers are included in a bot of their own.

    Raises:
        SandboxError: it is nothing that can be run; what importing a module raises is raised.
    """
    found = _imported(what) if isinstance(what, str) else what
    if not isinstance(found, Bot | Router) and callable(found):
        found = found()
    if isinstance(found, Bot) and not more:
        return found
    if isinstance(found, Router):
        bot = Bot()
        for router in (found, *more):
            bot.include(router)
        return bot
    raise SandboxError(
        f"{what!r:.80} cannot be run: give a Bot, one or more Routers, a function that makes "
        "either, or 'module:name'"
    )


def _imported(target: str) -> object:
    module_name, _, name = target.partition(":")
    if not name:
        raise SandboxError(f"{target!r}: write 'module:name', such as 'echo:bot'")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # as `python -m` finds modules
    module = importlib.import_module(module_name)
    try:
        return getattr(module, name)
    except AttributeError:
        raise SandboxError(f"{target!r}: the module {module_name} has no {name!r}") from None
