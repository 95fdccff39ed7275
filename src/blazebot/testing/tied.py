"""Runs a module as ``python -m`` does, and ends with whoever started it.

    python -m blazebot.testing.tied blazebot sandbox --port 0

Standard input is a pipe to which nobody writes: it ends when the other side has ended, however
that happened.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from typing import Final

STDIN: Final = 0


def end_with(pipe: int) -> None:
    """End this process, as SIGTERM does, when the other side of a pipe has ended."""
    threading.Thread(target=_wait, args=(pipe,), daemon=True).start()


def _wait(pipe: int) -> None:
    while os.read(pipe, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    end_with(STDIN)
    del sys.argv[0]  # what is left is how the module would see itself called
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
