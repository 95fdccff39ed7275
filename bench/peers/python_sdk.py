"""The Python package ``mixinsdk`` as a client of the stub: this process becomes it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench.measured import client_arguments
from bench.peers import BOTS


def main() -> None:
    arguments = client_arguments(__doc__)
    python = str(BOTS / "mixinsdk" / ".venv" / "bin" / "python")
    script = str(Path(__file__).with_name("mixinsdk_client.py"))
    # It loses frames and says so at length; what is missing the stub tells.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    os.execv(python, (python, script, arguments.url))  # noqa: S606


if __name__ == "__main__":
    main()
