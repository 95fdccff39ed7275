"""``python -m blazebot.sandbox``: a sandbox without the command line's trimmings."""

from __future__ import annotations

import argparse
import asyncio
import sys

from blazebot.errors import BlazebotError
from blazebot.sandbox.server import serve
from blazebot.sandbox.settings import load_sandbox_settings


def main() -> int:
    """Run a sandbox until it is told to stop; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m blazebot.sandbox", description=__doc__)
    for name in ("--host", "--port", "--db", "--sync"):
        parser.add_argument(name)
    try:
        settings = load_sandbox_settings(vars(parser.parse_args()))
        asyncio.run(serve(settings))
    except BlazebotError as error:
        sys.stderr.write(f"blazebot sandbox: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
