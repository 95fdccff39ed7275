"""The command ``blazebot`` with a mechanism switched off, to see that the checker notices.

``SOAK_WITHOUT`` in the environment says which; :data:`MECHANISMS` has what each is to show.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from blazebot.bot.bot import Bot
from blazebot.cli.main import app
from blazebot.delivery.engine import Engine
from blazebot.delivery.inbox import Inbox, Item, Lane, Verdict
from blazebot.delivery.message_ids import SentByHandler
from blazebot.wire.messages import READ, MessageView

WITHOUT: Final = "SOAK_WITHOUT"

_ELSEWHERE_EVERY: Final = 700  # messages: more than all people's first


def _random_id(self: SentByHandler, *said: object) -> str:
    return str(uuid4())


def without_ids() -> None:
    """Give each reply an id of its own, whatever ran before."""
    SentByHandler.message_id = _random_id  # type: ignore[assignment, method-assign]


def _accept_everything(self: Inbox, view: MessageView) -> Verdict:
    self._accept(view)
    return Verdict.ACCEPTED


def without_deduplication() -> None:
    """Take what comes again as new, and let the service take it so."""
    Inbox.offer = _accept_everything  # type: ignore[method-assign]
    without_ids()


def _accept_in_any_order(self: Inbox, view: MessageView) -> None:
    self._at_hand.add(view.message_id)
    lane = self._lanes[view.message_id] = Lane(view.message_id, [Item(view)])
    self._ready.append(lane)


def without_order() -> None:
    """Handle the messages of a conversation side by side."""
    Inbox._accept = _accept_in_any_order  # type: ignore[method-assign]


def without_acknowledging() -> None:
    """Acknowledge what has come, and not what is done."""
    offer = Engine.offer

    def offer_and_acknowledge(self: Engine, view: MessageView) -> None:
        self._acknowledge(view.message_id, READ)
        offer(self, view)

    Engine.offer = offer_and_acknowledge  # type: ignore[method-assign]


def without_retries() -> None:
    """Take a handler that has failed for one that has done its work."""

    async def finish(self: Engine, lane: Lane, item: Item, error: BaseException) -> None:
        self._finished(lane, READ)

    Engine._failed = finish  # type: ignore[method-assign]


def without_isolation() -> None:
    """Now and then answer where an earlier message came from."""
    send_answer = Bot.send_answer
    before: list[MessageView] = []

    async def send_elsewhere(
        self: Bot, view: MessageView, what: Any, options: Any, **more: Any
    ) -> str:
        before.append(view)
        if len(before) == _ELSEWHERE_EVERY:
            view = before[0]
            before.clear()
        return await send_answer(self, view, what, options, **more)

    Bot.send_answer = send_elsewhere  # type: ignore[method-assign]


MECHANISMS: Final[dict[str, tuple[Callable[[], None], str]]] = {
    "ids": (without_ids, "duplicated"),
    "deduplication": (without_deduplication, "duplicated"),
    "order": (without_order, "out_of_order"),
    "acknowledging": (without_acknowledging, "lost"),
    "retries": (without_retries, "lost"),
    "isolation": (without_isolation, "misdelivered"),
}
"""How each is switched off, and what the checker then counts."""


if __name__ == "__main__":
    MECHANISMS[os.environ[WITHOUT]][0]()
    app()
