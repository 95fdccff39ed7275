"""Standard input and output, as commands use them: what is wrong with them is told in one line."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

import typer

_UNWRITABLE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE}


def standard_input() -> TextIO:
    """Return standard input; raises typer.BadParameter: it is closed."""
    if sys.stdin is None:
        raise typer.BadParameter("standard input is closed")
    return sys.stdin


def read_input() -> str:
    """Return the text that standard input holds.

    Raises:
        typer.BadParameter: it is closed, cannot be read, or is not UTF-8.
    """
    try:
        return standard_input().read()
    except OSError as error:
        raise typer.BadParameter(f"standard input cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8") from None


@contextmanager
def output() -> Iterator[None]:
    """See to it that all that is printed is written; if it cannot be, exit with 1.

    A closed pipe, as after ``| head``, goes without words.
    """
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        if error.errno != errno.EPIPE:
            what = f"cannot write: {error.strerror}"
            print(f"blazebot: {what}", file=sys.stderr)  # noqa: T201
        # What waits still would be written at the end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
