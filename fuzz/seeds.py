"""What fuzzing starts from: one good input of each kind, which mutations then bend."""

from __future__ import annotations

import json
import textwrap
from functools import cache
from pathlib import Path
from typing import Any, Final

from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import encode_json
from blazebot.wire.content import CATEGORIES
from blazebot.wire.frames import DataFrame, ErrorBody, ErrorFrame, Request
from blazebot.wire.messages import MessageRequest, MessageView, Receipt, ReceiptBatch
from tests.contents import EXAMPLES, MESSAGE_ID, USER_ID

CONTENTS: Final[dict[str, bytes]] = {
    kind.CATEGORY: content.encode(MESSAGE_ID) for kind, content in EXAMPLES.items()
}
"""A good content of each category that a bot or a person may send."""

_OTHERS: Final = {
    "MESSAGE_RECALL": {"message_id": MESSAGE_ID},
    "MESSAGE_PIN": {"action": "PIN", "message_ids": [MESSAGE_ID]},
    "SYSTEM_ACCOUNT_SNAPSHOT": {
        "type": "snapshot",
        "snapshot_id": MESSAGE_ID,
        "asset_id": USER_ID,
        "counter_user_id": USER_ID,
        "amount": "-0.1",
        "created_at": "2020-11-02T12:47:32.472333123Z",
    },
    "SYSTEM_SAFE_SNAPSHOT": {"snapshot_id": "a", "asset_id": "b", "amount": 1e-8, "memo": None},
    "SYSTEM_SAFE_INSCRIPTION": {
        "snapshot_id": "a",
        "asset_id": "b",
        "amount": "1",
        "created_at": 253402300800,  # the year 10000: no time that a datetime can hold
    },
    "SYSTEM_CONVERSATION": {"action": "ROLE", "participant_id": USER_ID, "expire_in": "5"},
}

DICTIONARY: Final = """\
"{\\""
"\\":"
"\\",\\""
"null"
"true"
"[[[["
"1e999999"
"\\\\ud800"
"\\"data_base64\\":\\""
"\\"amount\\":\\""
"\\"message_ids\\":["
"""
"""Words of the language that is spoken here, for the mutator."""

_VECTORS: Final = Path(__file__).parents[1] / "tests" / "vectors" / "keystores.json"


def _codec() -> list[bytes]:
    view = MessageView(
        message_id=MESSAGE_ID,
        conversation_id=USER_ID,
        category="PLAIN_TEXT",
        data_base64=encode_base64(b"hello"),
        created_at="2020-11-02T12:47:32.472333Z",
    )
    request = MessageRequest(
        conversation_id=USER_ID, message_id=MESSAGE_ID, category="PLAIN_TEXT", status="SENT"
    )
    frames = (
        DataFrame("1", "CREATE_MESSAGE", view),
        Request("2", "CREATE_MESSAGE", request),
        Request("3", "ACKNOWLEDGE_MESSAGE_RECEIPTS", ReceiptBatch([Receipt(MESSAGE_ID, "READ")])),
        ErrorFrame("4", "ERROR", ErrorBody(status=202, code=401, desciption="Unauthorized")),
    )
    return [encode_json(frame) for frame in frames]


def _content() -> list[bytes]:
    order = sorted(CATEGORIES)
    good = CONTENTS | {category: encode_json(value) for category, value in _OTHERS.items()}
    return [bytes([order.index(category)]) + raw for category, raw in good.items()]


@cache
def keystores() -> list[dict[str, str]]:
    """Return a keystore in each shape in use; their keys are made up."""
    shapes = [dict(one["keystore"]) for one in json.loads(_VECTORS.read_text())["keystores"]]
    for shape in shapes:
        key: Any = shape.get("private_key")
        if isinstance(key, dict):  # PEM is written out where it is used
            body = textwrap.fill(key["pkcs1_der_base64"], 64).replace("\n", "\r\n")
            label = "RSA PRIVATE KEY"
            shape["private_key"] = f"-----BEGIN {label}-----\r\n{body}\r\n-----END {label}-----"
    oauth = {**shapes[-1], "authorization_id": USER_ID, "scope": "PROFILE:READ"}
    return [*shapes, oauth]


SEEDS: Final[dict[str, list[bytes]]] = {"codec": _codec(), "content": _content()}
"""Where bytes are taken as they are; where they stand for choices, any will do."""

_ANY: Final = [b"", b"hello", bytes(range(256)), bytes(200)]


def sow(target: str, folder: Path) -> None:
    """Write the seeds of ``target`` into ``folder``."""
    for number, seed in enumerate(SEEDS.get(target, _ANY)):
        (folder / f"seed-{number:02}").write_bytes(seed)
