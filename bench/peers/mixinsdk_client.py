"""``mixinsdk`` receives texts and acknowledges each; it runs in a virtual environment of its own.

The client prints, and ends no other way than with its process.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from typing import Any

from mixinsdk.clients.client_blaze import BlazeClient
from mixinsdk.clients.config import AppConfig

told = sys.stdout
sys.stdout = sys.stderr

keystore = json.loads(os.environ["BLAZEBOT_KEYSTORE"])
config = AppConfig.from_payload({"pin": "", "pin_token": "", **keystore})


def on_message(client: BlazeClient, frame: dict[str, Any]) -> None:
    """Acknowledge a message."""
    if frame["action"] == "CREATE_MESSAGE":
        client.echo(frame["data"]["message_id"])


blaze = BlazeClient(
    config,
    on_message=on_message,
    on_error=lambda _, error: print(repr(error)),
    api_base=sys.argv[1].replace("https:", "wss:"),
)


def used() -> float:
    """Return the CPU seconds that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def tell(words: str) -> None:
    """Write one line."""
    told.write(f"{words}\n")
    told.flush()


def measure() -> None:
    """Say that it is connected, wait until its work is done, say what that cost, and end."""
    while blaze.ws is None:
        time.sleep(0.01)
    before = used()
    tell("ready")
    sys.stdin.readline()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tell(json.dumps({"cpu_seconds": used() - before, "peak_mb": peak_mb}))
    sys.stdin.readline()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=measure, daemon=True).start()
    blaze.run_forever(max_workers=4)
