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


def _end_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    del sys.argv[0]  # what is left is how the module would see itself called
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
