"""An announcement of Blazebot, as its command sends it: from a file, kept on disk, by REST."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from uuid import uuid4

from bench.loops import run
from bench.measured import measure
from blazebot.cli.announcing import opened


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("messages", type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="blazebot-bench-") as directory:
        people = Path(directory) / "people.txt"
        with people.open("w") as file:
            file.writelines(f"{uuid4()}\n" for _ in range(arguments.messages))
        os.environ["BLAZEBOT_SERVER"] = arguments.url
        os.environ["BLAZEBOT_DATA_DIR"] = directory
        async with opened(None) as (announcements, _):
            await announcements.announce("hello everybody", people)
            announcements.start()
            await measure()


if __name__ == "__main__":
    run(main())
