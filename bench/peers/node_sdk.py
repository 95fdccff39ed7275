"""The official Node SDK as a client of the stub: this process becomes it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bench.frames import decode_base64
from bench.measured import client_arguments
from bench.peers import BOTS


def main() -> None:
    arguments = client_arguments(__doc__)
    keystore = msgspec.json.decode(os.environ["BLAZEBOT_KEYSTORE"], type=dict[str, str])
    keys = {
        "app_id": keystore["client_id"],
        "session_id": keystore["session_id"],
        "server_public_key": "",
        "session_private_key": decode_base64(keystore["private_key"])[:32].hex(),
    }
    environment = {
        **os.environ,
        "BENCH_KEYSTORE": msgspec.json.encode(keys).decode(),
        "BENCH_PACKAGES": str(BOTS / "node-sdk" / "package.json"),
        "NODE_EXTRA_CA_CERTS": os.environ["SSL_CERT_FILE"],
    }
    script = str(Path(__file__).with_suffix(".mjs"))
    os.execvpe("node", ("node", script, arguments.url), environment)  # noqa: S606, S607


if __name__ == "__main__":
    main()
