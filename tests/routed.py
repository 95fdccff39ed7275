"""Messages given to handlers without a service, for tests of what happens in between."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from blazebot import Bot, Content, Message, Text
from blazebot.bot.compiler import compile_routing
from blazebot.bot.events import Event
from blazebot.bot.routing import Routing
from blazebot.delivery.message_ids import SentByHandler
from blazebot.keys.issue import issue_keystore
from blazebot.wire.ids import contact_conversation_id
from blazebot.wire.messages import MessageView

ALICE = "7d7ef298-9720-48c0-acb2-0c6a9b1748c1"
GROUP = "c0ffee00-1111-4222-8333-444455556666"


def make_bot() -> Bot:
    """A bot that is never started."""
    return Bot(issue_keystore("app", str(uuid4()), str(uuid4())).document)


def make_message(bot: Bot, content: Content | str, **fields: Any) -> Message[Any]:
    """A message from Alice in her conversation with the bot; ``fields`` go over its view's."""
    content = Text(content) if isinstance(content, str) else content
    view = {
        "message_id": str(uuid4()),
        "conversation_id": contact_conversation_id(bot.id, ALICE),
        "user_id": ALICE,
        "category": content.category,
        **fields,
    }
    return Message(bot, MessageView(**view), content, SentByHandler(bot.id, view["message_id"]))


class Routed:
    """A bot compiled as its start would do it, to be given messages."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.routing: Routing = compile_routing(bot, bot._providers)

    async def give(self, content: Content | str, **fields: Any) -> Message[Any]:
        """Give a message to its handler, and return it."""
        message = make_message(self.bot, content, **fields)
        await self.routing.injector.run(message, self.routing.root.run)
        return message

    async def start(self) -> None:
        """Call what is to be called before the line opens."""
        for plan in self.routing.startups:
            event = Event(self.bot, SentByHandler(self.bot.id, ""))
            await self.routing.injector.run(event, plan.call)


async def give(bot: Bot, *contents: Content | str, **fields: Any) -> None:
    """Give messages with these contents to the handlers of a bot."""
    routed = Routed(bot)
    for content in contents:
        await routed.give(content, **fields)
