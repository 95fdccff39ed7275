"""The quota: 100,000 messages in any minute, here fewer (protocol section 6)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from blazebot.keys.keystore import Keystore
from blazebot.wire.frames import CREATE_MESSAGE, CREATE_PLAIN_MESSAGES, Frame
from tests.wire.sandbox_peers import Box, Line, new_id, sandbox_here, text


def draft(conversation_id: str, words: str = "x", **fields: Any) -> dict[str, Any]:
    return {
        "conversation_id": conversation_id,
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "data_base64": text(words),
    } | fields


def code(frame: Frame) -> int:
    return frame.error.code if frame.error else 0


async def used(box: Box, bot: Keystore) -> tuple[int, int]:
    state = await box.do("GET", f"/bots/{bot.app_id}")
    return state["quota_used"], state["quota"]


async def test_beyond_the_quota_is_429_however_it_is_sent() -> None:
    async with sandbox_here(quota=10) as box:
        alice, bot = await box.person(), await box.bot()
        where = await box.befriend(alice, bot)
        async with box.line(bot) as line:
            assert code(await line.request(CREATE_MESSAGE, draft(where))) == 0
            batch = {"messages": [draft(where, recipient_id=alice) for _ in range(3)]}
            assert code(await line.request(CREATE_PLAIN_MESSAGES, batch)) == 0
            for path in ("/messages", "/encrypted_messages"):
                _, answer = await box.rest(bot, "POST", path, [draft(where) for _ in range(3)])
                assert "error" not in answer
            assert await used(box, bot) == (10, 10)

            refused = await line.request(CREATE_MESSAGE, draft(where))
            assert refused.error is not None
            assert (refused.error.code, refused.error.status) == (429, 202)
            assert code(await line.request(CREATE_PLAIN_MESSAGES, batch)) == 0  # these are repeats
            batch["messages"].append(draft(where, recipient_id=alice))
            assert code(await line.request(CREATE_PLAIN_MESSAGES, batch)) == 429
            for path in ("/messages", "/encrypted_messages"):
                response, answer = await box.rest(bot, "POST", path, draft(where))
                assert (response.status, answer["error"]["code"]) == (202, 429)
                assert "quota" in answer["error"]["extra"]["reason"]
        assert len(await box.sees(alice)) == 1 + 10  # the hello and what was taken

        other = await box.bot()
        where = await box.befriend(alice, other)
        _, answer = await box.rest(other, "POST", "/messages", draft(where))
        assert answer == {}


async def test_a_batch_beyond_it_is_refused_as_a_whole_and_what_is_refused_does_not_count() -> None:
    async with sandbox_here(quota=10) as box:
        alice, bot = await box.person(), await box.bot()
        where = await box.befriend(alice, bot)
        for requests, expected in (
            ([draft(where) for _ in range(11)], 429),
            ([draft(new_id())], 403),
            ([draft(where, category="")], 10002),
            ([draft(where) for _ in range(10)], 0),
            ([draft(where)], 429),
        ):
            _, answer = await box.rest(bot, "POST", "/messages", requests)
            assert answer.get("error", {"code": 0})["code"] == expected
        assert len(await box.sees(alice)) == 1 + 10


async def test_the_window_slides() -> None:
    async with sandbox_here(quota=5, quota_window=1.0) as box:
        alice, bot = await box.person(), await box.bot()
        where = await box.befriend(alice, bot)
        accepted: list[tuple[float, float]] = []  # when it was asked for, and when answered
        async with box.line(bot) as line, asyncio.timeout(10):
            while len(accepted) < 15:
                asked = time.monotonic()
                if await taken(line, where):
                    accepted.append((asked, time.monotonic()))
                await asyncio.sleep(0.02)
        for first, beyond in zip(accepted, accepted[5:], strict=False):
            assert beyond[1] - first[0] > 1.0


async def taken(line: Line, where: str) -> bool:
    answer = code(await line.request(CREATE_MESSAGE, draft(where)))
    assert answer in (0, 429)
    return answer == 0


async def test_repeats_count_only_if_they_are_to() -> None:
    for repeats_count in (False, True):
        async with sandbox_here(quota=3, quota_counts_repeats=repeats_count) as box:
            alice, bot = await box.person(), await box.bot()
            once = draft(await box.befriend(alice, bot))
            codes = []
            async with box.line(bot) as line:
                for _ in range(5):
                    codes.append(code(await line.request(CREATE_MESSAGE, once)))
            assert codes == ([0, 0, 0, 429, 429] if repeats_count else [0] * 5)
            assert await used(box, bot) == ((3 if repeats_count else 1), 3)


async def test_the_quota_is_that_of_the_service() -> None:
    async with sandbox_here() as box:
        bot = await box.bot()
        assert await used(box, bot) == (0, 100_000)
