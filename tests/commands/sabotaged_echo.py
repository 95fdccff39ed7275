"""The demo's bot with one of its mechanisms switched off, by name on the command line."""

from __future__ import annotations

import sys
from uuid import uuid4

from blazebot.delivery.inbox import Inbox, Item, Lane, Verdict
from blazebot.delivery.message_ids import SentByHandler
from blazebot.demo.echo import bot
from blazebot.wire.messages import MessageView


def accept_everything(self: Inbox, view: MessageView) -> Verdict:
    """Take repeats as if they were new."""
    self._accept(view)
    return Verdict.ACCEPTED


def random_id(self: SentByHandler, conversation_id: str, category: str, content: bytes) -> str:
    """Give each send an id that no rerun gives again."""
    return str(uuid4())


def accept_in_any_order(self: Inbox, view: MessageView) -> None:
    """Give each message a lane of its own."""
    self._at_hand.add(view.message_id)
    lane = self._lanes[view.message_id] = Lane(view.message_id)
    lane.items.append(Item(view))
    self._ready.append(lane)


def sabotage(mechanism: str) -> None:
    """Switch a mechanism off in this process."""
    if mechanism == "once":
        Inbox.offer = accept_everything  # type: ignore[method-assign]
        SentByHandler.message_id = random_id  # type: ignore[method-assign]
    elif mechanism == "order":
        Inbox._accept = accept_in_any_order  # type: ignore[method-assign]
    else:
        sys.exit(f"no such mechanism: {mechanism}")


if __name__ == "__main__":
    sabotage(sys.argv[1])
    bot.run()
