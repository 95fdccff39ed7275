"""Runs ``blazebot`` with arguments: as a user starts it, or forked, which costs a tenth of that.

To start is mostly to import. A command that is forked has its own process, folder, environment,
input and output as well, but it comes of a process that has imported before; a test for each
command starts it as a user does (``test_command_tree.py`` names them).
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Protocol

WITHIN: Final = 90.0
"""Seconds that a command may take. Of settings around the tests it knows nothing."""

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["tests.imported"])


class Program(Protocol):
    """``afresh`` or ``forked``."""

    def __call__(
        self, folder: Path, *arguments: str, typed: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


def afresh(
    folder: Path, *arguments: str, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder`` as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "blazebot", *arguments],
        cwd=folder,
        env=_variables(environment),
        input=typed,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )


def forked(
    folder: Path, *arguments: str, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder`` in a process that has imported it already."""
    read, write = _server.Pipe(duplex=False)
    with read, tempfile.TemporaryDirectory() as printed, write:
        out, err = Path(printed, "out"), Path(printed, "err")
        process = _server.Process(
            target=_run,
            args=(arguments, folder, _variables(environment), read, (out, err)),
            daemon=True,
        )
        process.start()
        os.write(write.fileno(), typed.encode())
        write.close()
        process.join(WITHIN)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, WITHIN, out.read_bytes(), err.read_bytes())
        return subprocess.CompletedProcess(
            arguments, process.exitcode, out.read_text(), err.read_text()
        )


def _variables(given: Mapping[str, str]) -> dict[str, str]:
    around = {name: value for name, value in os.environ.items() if not name.startswith("BLAZEBOT_")}
    return {**around, **given}


def _run(
    arguments: tuple[str, ...],
    folder: Path,
    variables: Mapping[str, str],
    typed: Connection,
    printed: tuple[Path, Path],
) -> None:
    """Be the command."""
    os.dup2(typed.fileno(), 0)
    typed.close()
    sys.stdin = os.fdopen(0, closefd=False)
    for number, path in enumerate(printed, start=1):
        with path.open("wb") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    sys.argv = ["blazebot", *arguments]

    from tests.imported import command  # noqa: PLC0415

    command()
