"""The commands ``blazebot gateway`` and ``blazebot worker``: bots that several processes serve."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from blazebot.cli.run import FAILED, MISTAKEN, run_targets, run_to_status
from blazebot.errors import BlazebotError, SettingsError, TargetError

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot

Engine = Annotated[
    str | None,
    typer.Option("--engine", help="Where NATS is: nats://host:4222; by default BLAZEBOT_ENGINE."),
]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", min=1, help="Handlers that run at once.")
]
WatchPort = Annotated[
    int | None,
    typer.Option(
        "--watch-port", min=0, max=65535, help="Port for metrics and health; 0 picks one."
    ),
]
WatchHost = Annotated[
    str | None,
    typer.Option("--watch-host", help="Address to serve them at; by default 127.0.0.1."),
]
LogFormat = Annotated[
    Literal["text", "json"] | None, typer.Option("--log-format", help="Form of the log.")
]


def gateway(
    keystores: Annotated[
        list[str] | None,
        typer.Argument(help="Paths of keystores; by default BLAZEBOT_KEYSTORE."),
    ] = None,
    *,
    engine: Engine = None,
    watch_port: WatchPort = None,
    watch_host: WatchHost = None,
    log_format: LogFormat = None,
) -> None:
    """Hold the lines of one or more bots, whose handlers workers run, until SIGINT or SIGTERM.

    Of several gateways of a bot one holds its line; another takes over when that one dies.
    """
    settings = {"watch_port": watch_port, "watch_host": watch_host, "log_format": log_format}
    raise typer.Exit(
        _told(lambda: run_to_status(_gateway_bots(keystores or [None], engine), settings))
    )


def worker(
    targets: Annotated[
        list[str],
        typer.Argument(help="module:bot, path/to/file.py:bot, or without a name the only bot."),
    ],
    *,
    engine: Engine = None,
    concurrency: Concurrency = None,
    watch_port: WatchPort = None,
    watch_host: WatchHost = None,
    log_format: LogFormat = None,
) -> None:
    """Run the handlers of one or more bots, whose lines gateways hold, until SIGINT or SIGTERM."""

    def prepare(bot: Bot) -> None:
        serve_by_engine(bot, engine_url(engine or bot.settings.engine), with_gateway=False)
        if concurrency is not None:
            from msgspec.structs import replace  # noqa: PLC0415

            bot.settings = replace(bot.settings, concurrency=concurrency)

    settings = {"watch_port": watch_port, "watch_host": watch_host, "log_format": log_format}
    raise typer.Exit(_told(lambda: run_targets(targets, settings, prepare)))


def serve_by_engine(bot: Bot, url: str, *, with_gateway: bool) -> None:
    """Have a bot run as a worker of the engine at ``url``, and perhaps as its gateway too.

    Raises:
        SettingsError: what it needs is not installed.
    """
    need_nats()
    from blazebot.jetstream.worker import Worker  # noqa: PLC0415

    bot.open_host = partial(Worker.open, url=url, with_gateway=with_gateway)


def _gateway_bots(keystores: Sequence[str | None], engine: str | None) -> list[Bot]:
    need_nats()
    from blazebot.bot.settings import load_bot_settings  # noqa: PLC0415
    from blazebot.jetstream.gateway_bot import GatewayBot  # noqa: PLC0415

    url = engine_url(engine or load_bot_settings().engine)
    return [GatewayBot(keystore, url) for keystore in keystores]


def need_nats() -> None:
    """Return where the client of NATS is installed; raises SettingsError: it is not."""
    try:
        import blazebot.jetstream  # noqa: F401, PLC0415 - an optional extra
    except ImportError:
        raise SettingsError(
            "engine: needs the extra `nats`: pip install 'blazebot[nats]'"
        ) from None


def engine_url(url: str | None) -> str:
    """Return where NATS is; raises SettingsError: nothing says it."""
    if not url:
        raise SettingsError("engine: say where NATS is: --engine nats://host:4222")
    return url


def _told(run: Callable[[], int]) -> int:
    try:
        return run()
    except BlazebotError as error:
        print(f"blazebot: {error}", file=sys.stderr)  # noqa: T201
        return MISTAKEN if isinstance(error, TargetError) else FAILED
