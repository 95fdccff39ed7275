"""The command ``blazebot sandbox``: run one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from blazebot.cli.command import run
from blazebot.cli.sandbox_fault import fault
from blazebot.cli.sandbox_log import log

sandbox = typer.Typer(
    help="Run the message service in this process, for bots to be written and tried against.",
    invoke_without_command=True,
)
sandbox.add_typer(fault, name="fault")
sandbox.command()(log)


def _faults(texts: list[str] | None) -> list[str] | None:
    for text in texts or ():
        from blazebot.errors import SettingsError  # noqa: PLC0415
        from blazebot.sandbox.faults import parse_fault  # noqa: PLC0415

        try:
            parse_fault(text)
        except SettingsError as error:
            raise typer.BadParameter(str(error)) from None
    return texts


@sandbox.callback()
def main(
    context: typer.Context,
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; by default 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port to listen on; by default 7777, 0 picks a free one."
        ),
    ] = None,
    db: Annotated[
        str | None,
        typer.Option(help="File to keep everything in; without it all is gone at the end."),
    ] = None,
    sync: Annotated[
        Literal["normal", "full"] | None,
        typer.Option(help="normal: what is kept survives a kill; full: also a loss of power."),
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="Token that the control API asks for, beyond loopback.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A further name that it may be addressed by; repeatable."),
    ] = None,
    with_fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            callback=_faults,
            help="A fault from the start: 'slow seconds=1 times=forever'; repeatable.",
        ),
    ] = None,
    fault_seed: Annotated[
        int | None, typer.Option(help="Seed of the faults' chances, to have the same again.")
    ] = None,
    log_file: Annotated[
        str | None, typer.Option(help="A file to append the wire log to, as JSON lines.")
    ] = None,
    impersonate: Annotated[
        bool | None,
        typer.Option("--impersonate", help="Serve the service's own host names too, by TLS."),
    ] = None,
    tls_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="With --impersonate: port for these names; by default 443."
        ),
    ] = None,
    ca_dir: Annotated[
        str | None,
        typer.Option(help="With --impersonate: folder of the certificate authority for them."),
    ] = None,
    apply: Annotated[
        bool | None,
        typer.Option(
            "--apply",
            help="With --impersonate, as root: lead these names here by the hosts file meanwhile.",
        ),
    ] = None,
    unapply: Annotated[
        bool, typer.Option("--unapply", help="Only remove what --apply left in the hosts file.")
    ] = False,
) -> None:
    """Run the message service in this process, for bots to be written and tried against."""
    if context.invoked_subcommand is not None:
        return
    from blazebot.sandbox.server import serve  # noqa: PLC0415
    from blazebot.sandbox.settings import load_sandbox_settings  # noqa: PLC0415

    arguments = {
        "host": host,
        "port": port,
        "db": db,
        "sync": sync,
        "token": token,
        "allow_hosts": allow_host or None,
        "faults": with_fault or None,
        "fault_seed": fault_seed,
        "log_file": log_file,
        "impersonate": impersonate,
        "tls_port": tls_port,
        "ca_dir": ca_dir,
        "apply": apply,
    }
    if unapply:
        run(lambda: _unapply(arguments))
    else:
        run(lambda: serve(load_sandbox_settings(arguments)))


async def _unapply(arguments: Mapping[str, Any]) -> None:
    from blazebot.sandbox.impersonation.hosts_entries import unapply  # noqa: PLC0415
    from blazebot.sandbox.settings import load_sandbox_settings  # noqa: PLC0415

    path = Path(load_sandbox_settings(arguments).hosts_file)
    removed = unapply(path)
    words = "the sandbox's entries are removed" if removed else "there are no entries of a sandbox"
    print(f"{path}: {words}")  # noqa: T201
