"""``python -m soak``: break everything while people write, and count what they see.

The last line on standard output is one JSON object (docs/reliability.md). The exit status is 0 if
that says ``passed``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from soak.jetstream import JetStreamWorld
from soak.run import Options, RunFailed, perform
from soak.sabotaged import MECHANISMS
from soak.world import World

WORLDS: Final = {world.engine: world for world in (World, JetStreamWorld)}

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
_DEFAULT: Final = "30m"
_STOPPED: Final = 130
_LOG: Final = "soak.log"
_FINDINGS: Final = "findings.txt"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--engine", choices=sorted(WORLDS), default="process")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=os.environ.get("SOAK", _DEFAULT),
        help="how long people write: 60s, 10m, 1h (default: $SOAK, or %(default)s)",
    )
    parser.add_argument("--seed", type=int, help="where all chances come from (default: any)")
    parser.add_argument("--rate", type=float, help="messages a second (default: by engine)")
    parser.add_argument(
        "--without", choices=sorted(MECHANISMS), default="", help="a mechanism to switch off"
    )
    parser.add_argument("--keep", action="store_true", help="keep logs and databases in any case")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix=f"blazebot-soak-{seed}-"))
    logging.basicConfig(
        filename=folder / _LOG, level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
    print(
        f"seed {seed}, engine {options.engine}, {options.seconds:g} s, in {folder}", file=sys.stderr
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended too
    run = Options(seed, options.seconds, options.rate, options.without)
    try:
        report, findings = asyncio.run(perform(WORLDS[options.engine](folder, run.without), run))
    except KeyboardInterrupt:
        print(f"stopped; what there is is in {folder}", file=sys.stderr)
        return _STOPPED
    except RunFailed as error:
        document: dict[str, object] = {"seed": seed, "engine": options.engine, "passed": False}
        document["reasons"], findings = [str(error)], []
    else:
        document = report.document()
    passed = bool(document["passed"])
    if passed and not options.keep:
        shutil.rmtree(folder)
    else:
        (folder / _FINDINGS).write_text("".join(f"{one}\n" for one in findings))
        print(f"logs, databases and {_FINDINGS} are in {folder}", file=sys.stderr)
    if not passed:
        again = f"--engine {options.engine} --seconds {options.seconds:g} --seed {seed}"
        again += f" --rate {options.rate:g}" if options.rate else ""
        again += f" --without {options.without}" if options.without else ""
        print(f"again: python -m soak {again}", file=sys.stderr)
    print(json.dumps(document), flush=True)
    return 0 if passed else 1


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None or not float(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} should be like 60s, 10m or 1h")
    return float(match[1]) * _UNITS[match[2]]


if __name__ == "__main__":
    sys.exit(main())
