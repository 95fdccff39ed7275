"""Messages on their way out: in order in a conversation, tried again until a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import aiohttp
import pytest

from blazebot.client.blaze import BlazeClient
from blazebot.client.quota import Sends
from blazebot.client.rest import RestClient
from blazebot.delivery import attempts as attempts_module
from blazebot.delivery.attempts import Attempts
from blazebot.delivery.sender import Sender
from blazebot.delivery.sender import Service as Line
from blazebot.errors import Forbidden, NotRunning, SendTimeout, ServiceError, service_error
from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore
from blazebot.wire.frames import CREATE_MESSAGE
from blazebot.wire.messages import SENT, MessageRequest


def make_request(conversation_id: str, message_id: str) -> MessageRequest:
    return MessageRequest(
        conversation_id=conversation_id,
        message_id=message_id,
        category="PLAIN_TEXT",
        status=SENT,
        data_base64="aGk",
    )


class FreeQuota:
    """Has always room."""

    def try_take(self, count: int, *, first: bool) -> bool:
        return True

    async def take(self, count: int = 1, *, first: bool = False) -> None:
        pass

    def refused(self, retry_after: float | None) -> None:
        pass


def make_sender(line: Line, send_timeout: float) -> Sender:
    return Sender(line, Attempts(send_timeout), FreeQuota())


class Service:
    """Takes requests; ``errors`` are what it answers first, ``gates`` what it waits for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.within: list[float] = []
        self.errors: list[ServiceError] = []
        self.always: ServiceError | None = None
        self.gates: dict[str, asyncio.Event] = {}
        self.is_open = True

    async def request(
        self,
        action: str,
        params: object = None,
        *,
        within: float | None = None,
        sends: Sends | None = None,
    ) -> object:
        assert action == CREATE_MESSAGE
        assert sends is not None
        assert (sends.count, sends.first) == (1, True)
        assert isinstance(params, MessageRequest)
        assert within is not None
        self.asked.append(params.message_id)
        self.within.append(within)
        if params.message_id in self.gates:
            await self.gates[params.message_id].wait()
        if self.always is not None:
            raise self.always
        if self.errors:
            raise self.errors.pop(0)
        return None


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts_module, "_PAUSE", 0.001)


async def settle() -> None:
    """Let everything run that can run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_conversation_goes_in_order_and_others_beside_it(service: Service) -> None:
    sender = make_sender(service, 60)
    service.gates = {"a1": asyncio.Event()}
    sends = [
        asyncio.create_task(sender.send(make_request(message_id[0], message_id)))
        for message_id in ("a1", "a2", "b1", "a3")
    ]
    await settle()
    assert service.asked == ["a1", "b1"]
    assert [send.done() for send in sends] == [False, False, True, False]
    service.gates["a1"].set()
    await asyncio.gather(*sends)
    assert service.asked == ["a1", "b1", "a2", "a3"]
    assert not sender._attempts._queues


async def test_who_is_cancelled_while_waiting_holds_up_nobody(service: Service) -> None:
    sender = make_sender(service, 60)
    service.gates = {"a1": asyncio.Event()}
    first, second, third = (
        asyncio.create_task(sender.send(make_request("a", message_id)))
        for message_id in ("a1", "a2", "a3")
    )
    await settle()
    first.cancel()
    second.cancel()
    await third
    assert service.asked == ["a1", "a3"]
    assert not sender._attempts._queues


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("code", [429, 500, 7000, 7001])
async def test_a_temporary_error_is_tried_again_with_the_same_id_before_the_next(
    service: Service, code: int
) -> None:
    service.errors = [service_error(code), service_error(code)]
    sender = make_sender(service, 60)
    await asyncio.gather(
        sender.send(make_request("a", "first")), sender.send(make_request("a", "second"))
    )
    assert service.asked == ["first", "first", "first", "second"]
    assert service.within[0] > service.within[1] > service.within[2] > 50


async def test_a_final_error_is_raised_at_once_and_the_next_goes_on(service: Service) -> None:
    service.errors = [service_error(403)]
    sender = make_sender(service, 60)
    with pytest.raises(Forbidden):
        await sender.send(make_request("a", "first"))
    await sender.send(make_request("a", "second"))
    assert service.asked == ["first", "second"]


@pytest.mark.usefixtures("short_pauses")
async def test_refused_until_the_deadline_it_ends_in_an_error_that_names_its_setting(
    service: Service,
) -> None:
    service.always = service_error(429, "too many")
    with pytest.raises(SendTimeout, match=r"send_timeout.*429: too many") as caught:
        await make_sender(service, 0.2).send(make_request("a", "one"))
    assert caught.value.__cause__ is service.always
    assert set(service.asked) == {"one"}
    assert len(service.asked) > 2


async def test_a_turn_that_comes_after_the_deadline_sends_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: SimpleNamespace = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(attempts_module, "time", clock)
    service.gates = {"a1": asyncio.Event()}
    sender = make_sender(service, 60)
    first = asyncio.create_task(sender.send(make_request("a", "a1")))
    second = asyncio.create_task(sender.send(make_request("a", "a2")))
    await settle()
    clock.now = 161.0
    service.gates["a1"].set()
    await first
    with pytest.raises(SendTimeout, match="send_timeout"):
        await second
    assert service.asked == ["a1"]


# Over a line that is not there


def ignore(*_: object) -> None:
    pass


@pytest.fixture
async def client() -> AsyncIterator[Callable[..., BlazeClient]]:
    keystore = Keystore.load(
        issue_keystore(
            "app", "82d20bc7-9a97-4a69-bcd0-4da502374f6c", "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"
        ).document
    )
    async with aiohttp.ClientSession() as http:

        def make() -> BlazeClient:
            return BlazeClient(
                keystore,
                http,
                RestClient(keystore, http, urls=["http://127.0.0.1:9"], timeout=1),
                urls=["ws://127.0.0.1:9/"],
                on_message=ignore,
                on_receipt=ignore,
                on_unknown=ignore,
                on_open=ignore,
                on_accepted=ignore,
                heartbeat=15,
                request_timeout=10,
                frame_limit=4096,
                accepted_before=False,
            )

        yield make


async def test_without_a_line_a_send_ends_at_its_deadline(
    client: Callable[..., BlazeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazebot.client.blaze._SWEEP", 0.01)
    with pytest.raises(SendTimeout, match="send_timeout"):
        await make_sender(client(), 0.02).send(make_request("a", "one"))


async def test_closing_ends_the_sends_that_wait_and_refuses_more(
    client: Callable[..., BlazeClient],
) -> None:
    line = client()
    sender = make_sender(line, 120)
    sends = [
        asyncio.create_task(sender.send(make_request("a", message_id)))
        for message_id in ("a1", "a2")
    ]
    await settle()
    await line.close()
    async with asyncio.timeout(5):
        ended = await asyncio.gather(*sends, return_exceptions=True)
    assert [type(error) for error in ended] == [NotRunning, NotRunning]
