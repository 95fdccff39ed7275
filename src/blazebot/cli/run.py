"""The command ``blazebot run``: bots of a project, started again if wanted when it changes."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from blazebot.errors import BlazebotError, SettingsError, TargetError, Unauthorized

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot

FAILED: Final = 1
"""Exit status: a bot could not start, or has ended with an error."""
MISTAKEN: Final = 2
"""Exit status: what the command line names is not there."""
REFUSED: Final = 3
"""Exit status: the service refuses a bot's session, and there was no other until the end."""


def run(
    targets: Annotated[
        list[str],
        typer.Argument(help="module:bot, path/to/file.py:bot, or without a name the only bot."),
    ],
    *,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start again when the source changes.")
    ] = False,
    watch_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port for metrics and health; 0 picks a free one."),
    ] = None,
    watch_host: Annotated[
        str | None, typer.Option(help="Address to serve them at; by default 127.0.0.1.")
    ] = None,
    mailbox: Annotated[
        bool, typer.Option("--mailbox", help="Keep what comes for `blazebot mcp`, and serve it.")
    ] = False,
    log_format: Annotated[
        Literal["text", "json"] | None, typer.Option(help="Form of the log.")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="Serve it together with other processes, by NATS: nats://host:4222."),
    ] = None,
    ends_with: Annotated[
        int | None, typer.Option(hidden=True, help="A pipe, which ends when --reload has.")
    ] = None,
) -> None:
    """Run one or more bots until SIGINT or SIGTERM.

    A bot whose session is refused waits until the file of its keystore holds another.
    """
    settings = {
        "watch_port": watch_port,
        "watch_host": watch_host,
        "mailbox": mailbox or None,
        "log_format": log_format,
    }
    try:
        if mailbox and engine:
            raise SettingsError("mailbox: it is for bots that one process serves, without engine")
        if ends_with is not None:
            from blazebot.testing.tied import end_with  # noqa: PLC0415

            end_with(ends_with)
        if reload:
            status = _run_reloading(targets, settings | {"engine": engine})
        else:
            status = run_targets(targets, settings, lambda bot: _choose_engine(bot, engine))
    except BlazebotError as error:
        print(f"blazebot: {error}", file=sys.stderr)  # noqa: T201
        status = MISTAKEN if isinstance(error, TargetError) else FAILED
    raise typer.Exit(status)


def run_targets(
    targets: Sequence[str], settings: Mapping[str, Any], prepare: Callable[[Bot], None]
) -> int:
    """Run the bots that ``targets`` name, each once it is prepared; return the exit status.

    ``settings`` that are None count as not given. Raises TargetError and what ``prepare`` raises.
    """
    bots = _load(targets)
    if bots is None:
        return FAILED
    for bot in bots:
        prepare(bot)
    return run_to_status(bots, settings)


def run_to_status(bots: Sequence[Bot], settings: Mapping[str, Any]) -> int:
    """Run bots; return the exit status. ``settings`` as for :func:`run_targets`."""
    from blazebot.bot.running import run_to_end  # noqa: PLC0415

    given = {name: one for name, one in settings.items() if one is not None}
    errors = run_to_end(bots, reload_keystores=True, settings=given).values()
    if any(isinstance(error, Unauthorized) for error in errors):
        return REFUSED
    return FAILED if errors else 0


def _choose_engine(bot: Bot, engine: str | None) -> None:
    if url := engine or bot.settings.engine:
        from blazebot.cli.roles import serve_by_engine  # noqa: PLC0415

        serve_by_engine(bot, url, with_gateway=True)


def _load(targets: Sequence[str]) -> list[Bot] | None:
    """Return the bots, each once; None when a module of theirs has failed, which is shown."""
    from blazebot.bot.targets import load_bot  # noqa: PLC0415

    try:
        return list(dict.fromkeys(load_bot(target) for target in targets))
    except BlazebotError:
        raise
    except Exception as error:
        # From the module's own code on: how it came to be imported tells nothing.
        frames = error.__traceback__
        while frames is not None and _is_importing(frames.tb_frame.f_code.co_filename):
            frames = frames.tb_next
        traceback.print_exception(type(error), error, frames)
        return None


def _is_importing(file_name: str) -> bool:
    from blazebot.bot import targets  # noqa: PLC0415

    return file_name in (__file__, targets.__file__) or "importlib" in file_name


def _run_reloading(targets: Sequence[str], settings: dict[str, Any]) -> int:
    from blazebot.bot.targets import source_folder  # noqa: PLC0415
    from blazebot.cli.reload import run_reloading  # noqa: PLC0415

    # -B: what is saved twice within a second could be taken for the same.
    command = [sys.executable, "-B", "-m", "blazebot", "run", *targets]
    for name, value in settings.items():
        if value is True:
            command.append(f"--{name}")
        elif value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    folders = {source_folder(target) for target in targets}
    return asyncio.run(run_reloading(command, sorted(folders)))
