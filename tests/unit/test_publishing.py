"""What JetStream is to keep once, by what a server answers; an old one cannot be made to err."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import PubAck

from blazebot.jetstream.connection import NatsError
from blazebot.jetstream.publishing import publish_once

STAGED = PubAck(stream="S", seq=0, duplicate=True)
KEPT = PubAck(stream="S", seq=7)
REPEAT = PubAck(stream="S", seq=7, duplicate=True)


class Server:
    """Gives one answer after another, and notes what each was asked under."""

    def __init__(self, *answers: PubAck | Exception) -> None:
        self._answers = list(answers)
        self.names: list[str] = []

    async def publish_async(
        self, subject: str, body: bytes, headers: dict[str, str]
    ) -> asyncio.Future[PubAck]:
        self.names.append(headers["Nats-Msg-Id"])
        answer: asyncio.Future[PubAck] = asyncio.get_running_loop().create_future()
        given = self._answers.pop(0)
        if isinstance(given, Exception):
            answer.set_exception(given)
        else:
            answer.set_result(given)
        return answer


async def publish(server: Server) -> PubAck:
    return await publish_once(cast(JetStreamContext, server), "subject", b"body", "name")


@pytest.mark.parametrize("answer", [KEPT, REPEAT])
async def test_what_has_a_number_is_kept(answer: PubAck) -> None:
    server = Server(NatsTimeout(), answer)
    assert await publish(server) == answer
    assert server.names == ["name", "name"]


async def test_a_duplicate_without_a_number_is_published_under_another_name() -> None:
    server = Server(NatsTimeout(), STAGED, KEPT)
    assert await publish(server) == KEPT
    assert server.names == ["name", "name", "name:again"]


@pytest.mark.parametrize("answers", [(NatsTimeout(),) * 3, (STAGED, STAGED)])
async def test_what_is_not_known_to_be_kept_is_an_error(answers: tuple[PubAck | Exception]) -> None:
    with pytest.raises(NatsError):
        await publish(Server(*answers))
