"""What fuzzing has found, each by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import aiohttp
import msgspec
import pytest

from blazebot.bot.jobs.schedules import Every
from blazebot.bot.states.history import History
from blazebot.client.attachments import AttachmentClient
from blazebot.client.calls import Calls
from blazebot.client.receipts import ReceiptQueue
from blazebot.client.views import time_of
from blazebot.errors import ConnectionLost
from blazebot.wire.messages import Receipt
from fuzz.raw_http import answering, good_answer
from tests.wire.scripted_service import Line, message, scripted
from tests.wire.world import MakeBot

SECRET = "5f0c6e1d9b7a48f3"  # noqa: S105


@pytest.mark.parametrize(
    "answer",
    [
        b'{"data": {"access_token": "%s"}}\r\n\r\n',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n",
    ],
)
async def test_what_is_no_http_is_not_quoted(answer: bytes) -> None:
    async def reply(_: bytes, __: asyncio.StreamReader) -> bytes:
        return answer.replace(b"%s", b"!" + SECRET.encode())

    async with answering(reply) as url, aiohttp.ClientSession() as http:
        calls = Calls(http, urls=[url], timeout=5.0)
        with pytest.raises(ConnectionLost) as raised:
            await calls.call("POST", "/oauth/token", {})
    assert SECRET not in str(raised.value)


async def test_a_range_of_thousands_of_digits_is_none(tmp_path: Path) -> None:
    class Service:
        async def call(self, *_: object) -> msgspec.Raw:
            return msgspec.Raw(msgspec.json.encode({"view_url": f"{url}/stored"}))

    answers = iter(
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf of it",
            good_answer(b"and more", 206, [f"Content-Range: bytes 10-19/{'9' * 5000}"]),
            good_answer(b"all of it"),
        )
    )

    async def reply(_: bytes, __: asyncio.StreamReader) -> bytes:
        return next(answers)

    async with answering(reply) as url, aiohttp.ClientSession() as http:
        client = AttachmentClient(Service(), http, tries=2, pause=0.0)
        await client.download(str(uuid4()), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"all of it"


async def test_a_line_whose_frame_never_ends_is_left(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazebot.client.blaze._BACKOFF_BASE", 0.01)
    again = asyncio.Event()

    async def script(line: Line) -> None:
        if len(service.lines) > 1:
            again.set()
            return
        await line.push(view := message("Hi"))
        await line.until_acknowledged(view["message_id"])  # so the listing is answered
        assert line.socket._writer is not None
        # All that comes after this, pongs too, is taken for the rest of the frame.
        line.socket._writer.transport.write(b"\x82\x7f" + (2**20).to_bytes(8, "big"))
        await line.until_closed()

    async with (
        scripted(script) as service,
        asyncio.timeout(8),
        make_bot(service.url, heartbeat=0.1),
    ):
        await again.wait()


def test_a_status_that_there_is_not_comes_behind_all_others() -> None:
    receipts = ReceiptQueue(limit=10)
    for status in ("read", "seen", "DELIVERED", "read", "READ", "DELIVERED"):
        receipts.add("a", status)
    assert receipts.take() == [Receipt("a", "READ")]


@pytest.mark.parametrize("seconds", [0, 1e-300, -60])
def test_an_interval_of_no_time_cannot_be_read(seconds: float) -> None:
    stored = msgspec.json.encode({"type": "every", "seconds": seconds})
    with pytest.raises(msgspec.ValidationError, match="1 or more"):
        msgspec.json.decode(stored, type=Every)


@pytest.mark.parametrize("number", [-1, 2, 2**63])
def test_a_message_that_saw_what_is_not_there_sees_the_newest(number: int) -> None:
    history = History.decode(
        msgspec.json.encode([0, [["", {}, 0.0], ["a", {}, 1.0]], {"m": number}])
    )
    assert history.version(history.seen_by("m")).step == "a"


def test_a_time_beyond_all_times_is_none() -> None:
    assert time_of("9999-12-31T23:59:59-01:00") is None
    assert time_of("0001-01-02T00:00:00Z") is not None
