"""All that takes part in a run, put together."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

from blazebot.testing.control import Control, People
from soak.checker import Checker, QuestionIds
from soak.feed import Feed
from soak.people import Crowd, populate
from soak.supervisor import Supervisor
from soak.world import World

__all__ = ["SYSTEM", "Stage", "staged"]

SYSTEM: Final = "00000000-0000-0000-0000-000000000000"
"""Who the sandbox's own messages are from."""

_PATIENCE: Final = 20.0  # seconds in which a sandbox that was killed is there again


@dataclass(frozen=True)
class Stage:
    """The world, the people in it, and who looks at them."""

    world: World
    bot_id: str
    control: Control
    people: People
    crowd: Crowd
    feed: Feed
    checker: Checker
    supervisor: Supervisor


@asynccontextmanager
async def staged(world: World, seed: int, *, line_patience: float) -> AsyncIterator[Stage]:
    """Start a service with people who know the bot, which has not been started yet.

    ``line_patience`` are the seconds after which a bot without a line is started anew.
    """
    try:
        await world.start_service()
        url = world.sandbox.url
        async with aiohttp.ClientSession() as http, People(http, url) as people:
            control = Control(http, url, patience=_PATIENCE)
            bot_id = await control.create_bot("Soak")
            world.put_keystore(await control.issue_session(bot_id, "app"))
            conversations = await populate(control, people, bot_id)
            ids = QuestionIds(seed)
            checker = Checker(bot_id, SYSTEM, ids)
            for one in conversations:
                checker.add(one)
            crowd = Crowd(
                control,
                people,
                checker,
                conversations,
                bot_id=bot_id,
                ids=ids,
                chance=random.Random(f"{seed}:people"),  # noqa: S311 - to be repeated
            )
            supervisor = Supervisor(
                world.processes,
                world.holders,
                people,
                bot_id,
                patience=line_patience,
                is_foreseen=world.may_end,
            )
            feed = Feed(http, url, checker.see)
            yield Stage(world, bot_id, control, people, crowd, feed, checker, supervisor)
    finally:
        await world.close()
