"""The commands ``blazebot engine init`` and ``status``: what bots have on NATS JetStream."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson
from blazebot.cli.roles import Engine, engine_url, need_nats

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from blazebot.bot.settings import BotSettings
    from blazebot.jetstream.names import Names

engine = typer.Typer(
    help="Make what bots have on NATS JetStream, and look at it.", no_args_is_help=True
)

Keystores = Annotated[
    list[str] | None,
    typer.Argument(help="The keystores of the bots; by default BLAZEBOT_KEYSTORE."),
]
WITHIN = 10.0
"""Seconds for a connection to NATS."""


@engine.command()
def init(
    keystores: Keystores = None,
    *,
    engine: Engine = None,
    replicas: Annotated[
        int | None,
        typer.Option(min=1, max=5, help="Nodes of a NATS cluster that keep everything; else 1."),
    ] = None,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Messages handled at once, at most; else 128."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the streams, consumers and buckets of bots; once made they stay as they are."""

    async def main() -> None:
        need_nats()
        from blazebot.jetstream.streams import (  # noqa: PLC0415
            Terms,
            declare,
            gateways_bucket,
            jobs_bucket,
            states_bucket,
        )

        async def make(js: JetStreamContext, names: Names, settings: BotSettings) -> None:
            terms = Terms(settings.engine_partitions, settings.engine_replicas)
            await declare(js, names, terms)
            await gateways_bucket(js, terms)
            await states_bucket(js, names, terms)
            await jobs_bucket(js, names, terms)
            facts = {"bot_id": names.app_id, **asdict(terms)}
            words = f"{names.app_id}: {terms.partitions} partitions, {terms.replicas} replicas"
            print(json.dumps(facts) if as_json else words)  # noqa: T201

        chosen = {"engine_replicas": replicas, "engine_partitions": partitions}
        await _with_each(keystores or [None], engine, chosen, make)

    run(main)


@engine.command()
def status(keystores: Keystores = None, *, engine: Engine = None, as_json: AsJson = False) -> None:
    """Show who holds the line of bots, what waits, and dead letters."""

    async def main() -> None:
        need_nats()
        from blazebot.jetstream.status import read_status  # noqa: PLC0415
        from blazebot.wire.codec import encode_json  # noqa: PLC0415

        async def show(js: JetStreamContext, names: Names, settings: BotSettings) -> None:
            status = await read_status(js, names)
            if as_json:
                print(encode_json(status).decode())  # noqa: T201
                return
            print(  # noqa: T201
                f"{status.bot_id}: held by {status.holder or 'nobody'}; {status.waiting} messages "
                f"wait, {status.at_workers} at workers ({status.redelivered} of them again), "
                f"{status.unacknowledged} notes not told to the service, "
                f"{status.outbox} messages to be sent, "
                f"{status.dead_letters} dead letters"
            )

        await _with_each(keystores or [None], engine, {}, show)

    run(main)


async def _with_each(
    keystores: Sequence[str | None],
    engine: str | None,
    chosen: dict[str, int | None],
    do: Callable[[JetStreamContext, Names, BotSettings], Awaitable[None]],
) -> None:
    """Do something for each bot, with the settings ``chosen`` over its own."""
    from blazebot.bot.settings import load_bot_settings  # noqa: PLC0415
    from blazebot.jetstream.connection import close, connect  # noqa: PLC0415
    from blazebot.jetstream.names import Names  # noqa: PLC0415
    from blazebot.keys.keystore import Keystore  # noqa: PLC0415

    url = engine_url(engine or load_bot_settings().engine)
    client = await connect(url, name="blazebot engine", within=WITHIN)
    try:
        for keystore in keystores:
            settings = load_bot_settings({"keystore": keystore, **chosen})
            names = Names(Keystore.load(settings.keystore).app_id)
            await do(client.jetstream(), names, settings)
    finally:
        await close(client)
