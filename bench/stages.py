"""What each stage costs on a message's way through Blazebot, one after another in one process.

The socket, TLS and the changes between tasks are not among them: they are what is left of
``receive`` and ``echo``.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable, Iterable
from statistics import median
from typing import Any, Final
from uuid import uuid4

import msgspec

from bench.frames import encode_push, make_texts
from blazebot import Bot, Message, Text
from blazebot.bot.compiler import compile_routing
from blazebot.bot.dispatcher import Dispatcher
from blazebot.bot.incoming import read_content
from blazebot.client.receipts import ReceiptQueue
from blazebot.delivery.inbox import Inbox
from blazebot.delivery.message_ids import SentByHandler
from blazebot.keys.encryption import MessageCipher
from blazebot.keys.issue import issue_keystore
from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import decompress, encode_request, parse_push
from blazebot.wire.frames import ACKNOWLEDGE_MESSAGE_RECEIPTS, CREATE_MESSAGE
from blazebot.wire.limits import BATCH_LIMIT
from blazebot.wire.messages import READ, MessageRequest, MessageView, ReceiptBatch

MESSAGES: Final = 10_000

_CONVERSATIONS: Final = 1_000


class Stage(msgspec.Struct):
    """A stage, and what it costs a message in microseconds of CPU."""

    name: str
    us: float


class StagesResult(msgspec.Struct):
    """Medians over all rounds."""

    name: str
    messages: int
    rounds: int
    stages: list[Stage]


async def run_stages(messages: int, rounds: int) -> StagesResult:
    """Measure each stage over so many messages, in so many rounds."""
    gc.disable()  # a bot that runs hardly ever collects either
    try:
        taken = [await _Round(messages).run() for _ in range(rounds)]
    finally:
        gc.enable()
    return StagesResult(
        name="stages",
        messages=messages,
        rounds=rounds,
        stages=[Stage(name, round(median(one[name] for one in taken), 2)) for name in taken[0]],
    )


class _Round:
    def __init__(self, messages: int) -> None:
        user_id = str(uuid4())
        texts = make_texts(messages, _CONVERSATIONS)
        self._frames = [encode_push(one, user_id, user_id) for one in texts]
        self._taken: dict[str, float] = {}

    async def run(self) -> dict[str, float]:
        """Return the microseconds of each stage, by its name."""
        bot = Bot(issue_keystore("ed25519", str(uuid4()), str(uuid4())).document)

        @bot.on(Text)
        async def receive(message: Message[Text]) -> None:
            pass

        cipher = MessageCipher(bot.keystore.session_id, bot.keystore.private_key)
        texts = self._time("in: inflate", decompress, self._frames)
        pushes = self._time("in: JSON to a message", parse_push, texts)
        views = [push.data for push in pushes if push is not None]
        self._deliver(views)
        contents = self._time(
            "content: base64 and text", lambda view: read_content(view, cipher), views
        )
        await self._dispatch(bot, cipher, views)
        self._acknowledge(views)
        self._answer(bot.id, views, [content.encode() for content in contents])
        return self._taken

    def _deliver(self, views: list[MessageView]) -> None:
        many = len(views) + 1
        inbox = Inbox(limit=many, lane_limit=many, keep_ids=600, ids_limit=many)
        self._time("inbox: once and in order, offered", inbox.offer, views)
        self._time(
            "inbox: handled",
            lambda _: (lane := inbox.next()) is not None and inbox.finished(lane, READ),
            views,
        )

    async def _dispatch(self, bot: Bot, cipher: MessageCipher, views: list[MessageView]) -> None:
        dispatcher = Dispatcher(
            bot,
            compile_routing(bot, []),
            cipher,
            around=lambda run: run,
            timeout=60.0,
            receipts_limit=1,
        )
        whole = await _time_awaited(dispatcher.handle, views)
        self._taken["dispatch: routes, context, counts, handler"] = max(
            0.0, whole - self._taken["content: base64 and text"]
        )

    def _acknowledge(self, views: list[MessageView]) -> None:
        queue = ReceiptQueue(limit=len(views))

        def acknowledge(view: MessageView) -> None:
            if queue.add(view.message_id, READ) == BATCH_LIMIT:
                batch = ReceiptBatch(queue.take())
                encode_request("id", ACKNOWLEDGE_MESSAGE_RECEIPTS, batch)

        self._time("acknowledge: in batches of 100", acknowledge, views)

    def _answer(self, app_id: str, views: list[MessageView], contents: list[bytes]) -> None:
        both = list(zip(views, contents, strict=True))

        def derive(one: tuple[MessageView, bytes]) -> MessageRequest:
            view, content = one
            conversation_id = view.conversation_id or ""
            sent = SentByHandler(app_id, view.message_id)
            message_id = sent.message_id(conversation_id, "PLAIN_TEXT", content)
            data = encode_base64(content)
            return MessageRequest(
                conversation_id=conversation_id,
                message_id=message_id,
                category="PLAIN_TEXT",
                status="SENT",
                data_base64=data,
            )

        requests = self._time("echo: its derived id, base64", derive, both)
        self._time(
            "echo: JSON and deflate",
            lambda request: encode_request("id", CREATE_MESSAGE, request),
            requests,
        )

    def _time(self, name: str, do: Callable[[Any], Any], given: Iterable[Any]) -> list[Any]:
        began = time.process_time()
        done = [do(one) for one in given]
        self._taken[name] = (time.process_time() - began) / len(done) * 1e6
        return done


async def _time_awaited(do: Callable[[Any], Awaitable[Any]], given: list[Any]) -> float:
    began = time.process_time()
    for one in given:
        await do(one)
    return (time.process_time() - began) / len(given) * 1e6
