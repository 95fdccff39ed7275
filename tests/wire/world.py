"""A sandbox with people and bots in it, and what each person sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from blazebot import Bot, Message, Text
from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess

WITHIN = 20.0


class MakeBot(Protocol):
    """Makes a bot with a data directory of its own; without a keystore it gets any."""

    def __call__(
        self, server: str, keystore: Mapping[str, Any] | None = None, **settings: Any
    ) -> Bot:
        """Make a bot."""


class World:
    """A sandbox with people and bots in it, and what each person sees."""

    def __init__(
        self, sandbox: SandboxProcess, control: Control, people: People, make_bot: MakeBot
    ) -> None:
        self.sandbox = sandbox
        self.control = control
        self.people = people
        self._make_bot = make_bot

    async def bot(self, name: str = "Bot", **settings: Any) -> Bot:
        """Create a bot with a session and return it, ready to run."""
        bot_id = await self.control.create_bot(name)
        keystore = await self.control.issue_session(bot_id, "app")
        return self._make_bot(self.sandbox.url, keystore, **settings)

    async def person(self, *friends: Bot) -> str:
        """Create a person who has these bots as friends."""
        person = (await self.people.create(["Alice"]))[0]
        await self.people.watch([person])
        for bot in friends:
            await self.people.add_friend([person], bot.id)
        return person

    async def say(self, person: str, to: Bot, *texts: str) -> None:
        """Let a person write to a bot."""
        await self.people.send(
            [{"person_id": person, "recipient_id": to.id, "text": text} for text in texts]
        )

    def messages(self, person: str) -> list[dict[str, Any]]:
        """Return what a person sees, in order."""
        return sorted(self.people.seen[person].values(), key=lambda one: int(one["seq"]))

    def texts(self, person: str, bot: Bot) -> list[str]:
        """Return the texts that a person has from a bot."""
        return [one["text"] for one in self.messages(person) if one["user_id"] == bot.id]

    def statuses(self, person: str) -> dict[str, str]:
        """Return the status of each text that a person has sent."""
        return {
            one["text"]: one["status"] for one in self.messages(person) if one["user_id"] == person
        }

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what people see is so."""
        await self.people.until(condition, WITHIN)

    async def until_texts(self, person: str, bot: Bot, texts: list[str]) -> None:
        """Wait until a person has exactly these texts from a bot, beside its first Hello."""
        await self.until(lambda: self.texts(person, bot) == ["Hello", *texts])


def echoing(bot: Bot) -> Bot:
    """Let a bot echo texts, and return it."""

    @bot.on(Text)
    async def echo(message: Message[Text]) -> None:
        await message.reply(message.content.text)

    return bot
