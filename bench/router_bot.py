"""Blazebot's echo behind the whole framework: 20 handlers, two middlewares, a state for each.

All handlers are for texts, and the echo comes last, so that each message is looked at by all of
them. States are kept in the default storage.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from bench.bots import run_measured
from blazebot import Bot, F, Message, Next, NextWith, Router, State, States, Step, Text, quoted


class Survey(States):
    """The steps of a conversation that nobody here begins."""

    name = Step()
    age = Step()
    confirmed = Step()


class Visit:
    """What the outer middleware hands to the echo."""

    def __init__(self, number: int) -> None:
        self.number = number


class Middlewares:
    """One of each kind, which count what passes them."""

    def __init__(self) -> None:
        self.come = 0
        self.handled = 0

    async def outer(self, message: Message[Any], call_next: NextWith[Visit]) -> None:
        self.come += 1
        await call_next(message, Visit(self.come))

    async def inner(self, message: Message[Any], call_next: Next) -> None:
        await call_next(message)
        self.handled += 1


async def never(message: Message[Text]) -> None:
    raise AssertionError("no text of the benchmark is for this handler")


def is_shouted(message: Message[Text]) -> bool:
    return message.content.text.isupper()


def survey() -> Router:
    """Return 4 handlers: of each step, and of a command."""
    router = Router("survey")
    router.command("survey")(never)
    for step in (Survey.name, Survey.age, Survey.confirmed):
        router.on(Text, step)(never)
    return router


def words() -> Router:
    """Return 9 handlers by what a text says."""
    router = Router("words")
    for pattern in (r"^\d+ \+ \d+$", r"(?i)\bweather\b", r"https?://\S+", r"^#\w+"):
        router.regex(pattern)(never)
    for filter_ in (
        F.content.text.startswith("echo"),
        F.content.text.len() > 1_000,
        F.user_id == str(uuid4()),
        is_shouted,
        quoted & ~F.content.text.contains("echo"),
    ):
        router.on(Text, filter_)(never)
    return router


def add_handlers(bot: Bot, work: str) -> None:
    """Let ``bot`` have 20 handlers, of which the last one echoes; there is no other work."""
    middlewares = Middlewares()
    bot.outer(middlewares.outer)
    bot.inner(middlewares.inner)
    for name in ("start", "help", "settings", "language", "stop", "about"):
        bot.command(name)(never)
    bot.include(survey())
    bot.include(words())

    @bot.on(Text)
    async def echo(message: Message[Text], state: State, visit: Visit) -> None:
        if state.step is None and visit.number:
            await message.reply(message.content.text)


if __name__ == "__main__":
    run_measured(__doc__, add_handlers)
