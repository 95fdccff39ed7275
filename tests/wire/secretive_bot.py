"""A bot that is told everything secret and logs all it can: SERVER KEYSTORE DATA_DIR LEARNT CODE.

CODE is of a person who authorised it; the client secret comes in CLIENT_SECRET. What it learns
that is secret is written to LEARNT. A text "fail" makes its handler fail beside all of it, and
"crash" a callback that nobody waits for. Its spans are written beside DATA_DIR.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from blazebot import Bot, Button, ButtonGroup, Callback, Message, Text


class Sure(Callback, tag="sure"):
    answer: str


def write_spans(path: Path) -> None:
    """Have all spans written to a file."""
    provider = TracerProvider()
    exporter = ConsoleSpanExporter(out=path.open("w"))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def main(server: str, keystore: str, data_dir: str, learnt: str, code: str) -> None:
    """Serve until a signal comes."""
    bot = Bot(keystore, server=server, data_dir=data_dir, max_tries=2, watch_port=0, traces=True)
    write_spans(Path(data_dir).parent / "spans.jsonl")
    mine = logging.getLogger("mine")

    def read() -> dict[str, str]:
        known: dict[str, str] = json.loads(Path(keystore).read_text())
        return known

    def write(document: dict[str, str]) -> None:
        Path(learnt).write_text(json.dumps(document))

    @bot.on_startup
    async def authorise() -> None:
        secret = os.environ["CLIENT_SECRET"]
        authorization = await bot.oauth.exchange_code(code, client_secret=secret)
        document = authorization.document()
        write(document)
        mine.debug("%r %r %r", authorization, authorization.keystore, bot.settings)
        await bot.oauth.as_user(authorization).me()

    @bot.on(Text)
    async def answer(message: Message[Text]) -> None:
        mine.debug("%r", message)
        if message.content.text == "fail":
            known = read()
            raise RuntimeError(f"beside {len(known)} fields of secrets")
        if message.content.text == "ask":
            await message.reply(ButtonGroup((Button("Yes", callback=Sure("yes")),)))
            return
        if message.content.text == "announce":
            await bot.announce("news", [message.user_id])
            return
        if message.content.text == "crash":
            asyncio.get_running_loop().call_soon(crash)
        await message.reply(message.content.text, encrypt="auto")

    def crash() -> None:
        known = read()
        raise RuntimeError(f"crash beside {len(known)} fields of secrets")

    @bot.on_callback(Sure)
    async def sure(message: Message[Text], sure: Sure) -> None:
        await message.reply(sure.answer)

    bot.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    main(*sys.argv[1:])
