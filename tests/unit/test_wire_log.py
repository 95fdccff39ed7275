"""What the wire log keeps, shows and hides."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from blazebot.errors import SandboxError
from blazebot.sandbox import wire_log
from blazebot.sandbox.wire_log import WireLog, document
from blazebot.wire.codec import encode_request

BOT, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def shown(log: WireLog) -> list[dict[str, Any]]:
    return [document(entry) for entry in log.entries()]


def add_call(log: WireLog, uri: str = "/me", **fields: Any) -> None:
    given = {"request": b"", "status": 200, "answer": b"{}", "seconds": 0.25, **fields}
    log.call(BOT, "POST", uri, **given)


def test_a_frame_is_shown_decoded_with_its_sizes() -> None:
    log = WireLog(most=10)
    raw = encode_request("7", "CREATE_MESSAGE", {"data": "x" * 500})
    log.frame(BOT, log.new_line(), "received", raw)
    (entry,) = shown(log)
    assert (entry["number"], entry["bot_id"], entry["line"]) == (1, BOT, 1)
    assert (entry["kind"], entry["direction"]) == ("frame", "received")
    assert entry["size"] == len(raw) < 100
    assert entry["inflated"] > 500
    assert entry["frame"]["params"]["data"] == "x" * 500
    assert "fault" not in entry


def test_a_frame_that_cannot_be_read_is_shown_as_such() -> None:
    log = WireLog(most=10)
    log.frame(BOT, 1, "received", b"hello", "corrupt")
    (entry,) = shown(log)
    assert "gzip" in entry["unreadable"]
    assert (entry["size"], entry["head"]) == (5, b"hello".hex())
    assert entry["fault"] == "corrupt"


def test_a_call_is_shown_with_its_answer() -> None:
    log = WireLog(most=10)
    add_call(log, "/users/fetch?a=b", request=b'["x"]', answer=b'{"data": []}', fault="slow")
    (entry,) = shown(log)
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/users/fetch?a=b", 200)
    assert (entry["request"], entry["answer"]) == (["x"], {"data": []})
    assert (entry["request_size"], entry["answer_size"], entry["seconds"]) == (5, 12, 0.25)
    assert entry["fault"] == "slow"


def test_the_newest_are_kept() -> None:
    log = WireLog(most=3)
    for _ in range(10):
        add_call(log)
    assert [entry.number for entry in log.entries()] == [8, 9, 10]
    assert [entry.number for entry in log.entries(after=9)] == [10]
    assert [entry.number for entry in log.entries(after=2, limit=2)] == [8, 9]
    assert log.entries(after=10) == []


def test_no_more_bytes_are_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_log, "_BYTES_MOST", 1000)
    log = WireLog(most=100)
    for _ in range(10):
        log.frame(BOT, 1, "sent", b"x" * 400)
    assert [entry.number for entry in log.entries()] == [9, 10]


def test_of_one_bot() -> None:
    log = WireLog(most=10)
    log.line(BOT, 1, "opened")
    log.line(OTHER, 2, "opened")
    log.line(BOT, 1, "closed", "the other side")
    assert [entry.number for entry in log.entries(bot_id=BOT)] == [1, 3]


@pytest.mark.parametrize(
    ("request_body", "answer", "uri"),
    [
        (b'{"client_secret": "S3CRET", "code": "S3CRET"}', b"{}", "/oauth/token"),
        (b"client_secret=S3CRET", b"{}", "/oauth/token"),
        (b"{}", b'{"data": {"access_token": "S3CRET"}}', "/oauth/token"),
        (b"{}", b'{"data": {"upload_url": "http://x/upload/1/S3CRET"}}', "/attachments"),
        (b"[]", b'[{"a": [{"pin_token": "S3CRET"}]}]', "/me"),
        (b"", b"", "/upload/1/S3CRET"),
        (b"", b"", "/me?access_token=S3CRET&x=1"),
    ],
)
def test_secrets_are_hidden(request_body: bytes, answer: bytes, uri: str) -> None:
    log = WireLog(most=10)
    add_call(log, uri, request=request_body, answer=answer)
    assert "S3CRET" not in json.dumps(shown(log))


def test_an_error_code_is_no_secret() -> None:
    log = WireLog(most=10)
    add_call(log, answer=b'{"error": {"code": 401}}')
    assert shown(log)[0]["answer"] == {"error": {"code": 401}}


async def test_who_waits_is_told() -> None:
    log = WireLog(most=10)
    waiting = [asyncio.create_task(log.wait(0)) for _ in range(2)]
    await asyncio.sleep(0)
    add_call(log)
    assert await asyncio.gather(*waiting) == [True, True]
    last = asyncio.create_task(log.wait(1))
    await asyncio.sleep(0)
    log.end()
    assert await last is False


async def test_all_is_written_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "wire.jsonl"
    log = WireLog(most=5, path=str(path))
    for _ in range(23):  # far more than are kept in memory
        add_call(log)
    log.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(1, 24))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_file_is_written_without_being_closed(tmp_path: Path) -> None:
    path = tmp_path / "wire.jsonl"
    log = WireLog(most=5, path=str(path))
    add_call(log)
    async with asyncio.timeout(10):
        while not path.read_text():  # noqa: ASYNC110 - a file tells nobody of its news
            await asyncio.sleep(0.01)
    log.close()


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be written"):
        WireLog(most=5, path=str(tmp_path / "no" / "such"))


async def test_a_full_disk_ends_the_log_and_not_the_service() -> None:
    log = WireLog(most=5, path="/dev/full")
    for _ in range(20):
        add_call(log)
    log.close()
    assert len(log.entries()) == 5
