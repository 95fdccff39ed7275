"""Bots as the whole of a process: they serve until a signal ends it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Unpack

from msgspec.structs import asdict

from blazebot.bot.middleware.logs import LogContext
from blazebot.bot.serving import ServedBot
from blazebot.bot.settings import BotOptions, BotSettings, load_bot_settings
from blazebot.errors import BlazebotError, BotsEnded
from blazebot.watch.guard import Address
from blazebot.watch.log_formats import JsonFormatter, WordsFormatter

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot
    from blazebot.bot.mailbox.mailbox import Mailbox

logger = logging.getLogger("blazebot")

_COLLECT_AFTER: Final = 10_000  # objects; Python's own threshold is below 1000

_is_left: ContextVar[bool] = ContextVar("is_left", default=False)


def run(*bots: Bot, reload_keystores: bool = True, **settings: Unpack[BotOptions]) -> None:
    """Serve bots until SIGINT or SIGTERM, then stop cleanly; a second SIGINT ends at once.

    One that cannot start, or that the service refuses for good, ends alone. The latter waits, with
    ``reload_keystores``, until its keystore's file holds another session. ``settings`` go over
    those of all the bots, as far as they concern the process: ``watch_port``, ``watch_host``,
    ``watch_token``, ``watch_allow_hosts``, ``mailbox`` and ``log_format``. Bots that name the same
    port are watched there together.

    Logs to standard error unless logging is set up already. The process is the bots' own: Python's
    garbage collector looks less often meanwhile, and not at what was there at the start.

    Raises:
        SettingsError: a setting is unknown or malformed, or the port is in use.
        BotsEnded: of several bots, some have ended with errors. A single bot's error is raised as
            it is, see :meth:`Bot.run`.
    """
    if _is_left.get():
        return
    errors = run_to_end(bots, reload_keystores=reload_keystores, settings=settings)
    if len(bots) == 1:
        for error in errors.values():
            raise error
    if errors:
        raise BotsEnded(errors)


def run_to_end(
    bots: Sequence[Bot], *, reload_keystores: bool, settings: Mapping[str, Any]
) -> dict[str, BaseException]:
    """Serve bots as :func:`run` does; return the errors that some have ended with, by their ids."""
    if not bots:
        raise BlazebotError("there is no bot to run")
    chosen = [load_bot_settings(asdict(bot.settings) | dict(settings)) for bot in bots]
    set_up_logging(chosen[0])
    served = [ServedBot(bot, reload_keystore=reload_keystores) for bot in bots]
    with _rare_collections(), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(served, chosen, _mailboxes(bots, chosen)))
    return {one.name: one.error for one in served if one.error is not None}


@contextmanager
def left_to_caller() -> Iterator[None]:
    """Let ``run`` do nothing meanwhile: the caller runs the bots of a script that it imports."""
    token = _is_left.set(True)
    try:
        yield
    finally:
        _is_left.reset(token)


@contextmanager
def _rare_collections() -> Iterator[None]:
    # Messages leave no cycles behind: to look for some after every few is for nothing.
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER)
    try:
        yield
    finally:
        gc.unfreeze()  # bots freeze what is there once they have started
        gc.set_threshold(*before)


def _mailboxes(
    bots: Iterable[Bot], settings: Iterable[BotSettings]
) -> dict[Address | None, list[Mailbox]]:
    """Return the mailboxes of bots, by the address of the endpoint that serves them."""
    mailboxes: dict[Address | None, list[Mailbox]] = {}
    for bot, its in zip(bots, settings, strict=True):
        if its.mailbox:
            from blazebot.bot.mailbox.mailbox import Mailbox  # noqa: PLC0415 - few bots have one

            mailboxes.setdefault(its.watch_address, []).append(Mailbox(bot, its))
    return mailboxes


async def _serve(
    served: Sequence[ServedBot],
    settings: Sequence[BotSettings],
    mailboxes: Mapping[Address | None, Sequence[Mailbox]],
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _on_signal, number, stopping)
    except (ValueError, RuntimeError):
        raise BlazebotError(
            "bot.run() needs the main thread; elsewhere use `async with bot`"
        ) from None
    async with AsyncExitStack() as watching:
        for address, watched in _by_address(served, settings).items():
            await _watch(watching, address, watched, mailboxes.get(address, ()))
        async with asyncio.TaskGroup() as group:
            for one in served:
                group.create_task(one.serve(stopping))


def _by_address(
    served: Iterable[ServedBot], settings: Iterable[BotSettings]
) -> dict[Address, list[ServedBot]]:
    """Return the bots to be watched, by the address of the endpoint."""
    addresses: dict[Address, list[ServedBot]] = {}
    for one, its in zip(served, settings, strict=True):
        if its.watch_address is not None:
            addresses.setdefault(its.watch_address, []).append(one)
    return addresses


async def _watch(
    watching: AsyncExitStack,
    address: Address,
    watched: Sequence[ServedBot],
    mailboxes: Sequence[Mailbox],
) -> None:
    from blazebot.watch.endpoint import Endpoint  # noqa: PLC0415 - a server, costly to import

    routes = []
    if mailboxes:
        from blazebot.bot.mailbox.routes import mailbox_routes  # noqa: PLC0415

        routes = mailbox_routes(mailboxes)
    endpoint = Endpoint(address, lambda: [one.status() for one in watched], routes)
    await watching.enter_async_context(endpoint)
    for one in mailboxes:
        one.url = endpoint.url
        watching.enter_context(one.attached())
    logger.info("watch at %s/metrics, /healthz and /readyz", endpoint.url)


def set_up_logging(settings: BotSettings) -> None:
    """Log to standard error in the form that ``settings`` say, unless logging is set up already."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else WordsFormatter())
    handler.addFilter(LogContext())
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def _on_signal(number: signal.Signals, stopping: asyncio.Event) -> None:
    if stopping.is_set() and number is signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    stopping.set()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None
    return uvloop.new_event_loop
