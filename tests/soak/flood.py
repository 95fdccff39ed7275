"""Sends batches as fast as it may: SERVER KEYSTORE DATA_DIR QUOTA MINUTE and a file of user ids.

``MINUTE`` are the seconds that a minute of the quota takes here.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path
from uuid import uuid4

import aiohttp

from blazebot.client.rest import RestClient
from blazebot.delivery import quota
from blazebot.delivery.attempts import Attempts
from blazebot.delivery.batches import BatchSender
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import encode_base64
from blazebot.wire.ids import contact_conversation_id
from blazebot.wire.messages import SENT, MessageRequest

IN_FLIGHT = 4


def main() -> None:
    server, keystore, data_dir, limit, minute, people = sys.argv[1:]
    quota.MINUTE = int(minute)  # type: ignore[misc] # which is final but for this
    bot = Keystore.load(Path(keystore).read_text())
    limiter = QuotaLimiter(Path(data_dir) / "quota", int(limit))
    asyncio.run(flood(server, bot, limiter, Path(people).read_text().split()))


async def flood(server: str, bot: Keystore, limiter: QuotaLimiter, people: list[str]) -> None:
    async with aiohttp.ClientSession() as http:
        rest = RestClient(bot, http, urls=[server], timeout=10.0, quota=limiter)
        sender = BatchSender(Attempts(60.0), limiter, rest)
        shares = (people[number::IN_FLIGHT] for number in range(IN_FLIGHT))
        await asyncio.gather(*(send_on(sender, bot.app_id, share) for share in shares))


async def send_on(sender: BatchSender, bot_id: str, people: list[str]) -> None:
    everybody = itertools.cycle(people)
    while True:
        batch = [message(bot_id, next(everybody)) for _ in range(100)]
        assert not any(await sender.send(batch))


def message(bot_id: str, person: str) -> MessageRequest:
    return MessageRequest(
        conversation_id=contact_conversation_id(bot_id, person),
        message_id=str(uuid4()),
        category="PLAIN_TEXT",
        status=SENT,
        data_base64=encode_base64(b"news"),
        recipient_id=person,
    )


main()
