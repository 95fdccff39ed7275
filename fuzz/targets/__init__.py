"""What is fuzzed: each target takes any bytes, and raises only if a promise is broken."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from fuzz.targets import (
    answers,
    attachments,
    blaze,
    control,
    keys,
    line,
    records,
    rest,
    token,
    wire,
)
from fuzz.worlds import Attempt

Target = Callable[[], AbstractContextManager[Attempt]]
"""Opens what the inputs are tried against."""


def _pure(attempt: Attempt) -> Target:
    return lambda: nullcontext(attempt)


TARGETS: Final[dict[str, Target]] = {
    "codec": _pure(wire.codec),
    "content": _pure(wire.content),
    "keystore": _pure(keys.keystore),
    "encryption": _pure(keys.encryption),
    "token": token.token,
    "rest": rest.rest,
    "control": control.control,
    "blaze": blaze.blaze,
    "line": line.line,
    "answers": answers.answers,
    "attachments": attachments.attachments,
    "records": records.records,
}
