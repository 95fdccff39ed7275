"""What checks expect of answers and documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from blazebot.errors import BlazebotError, FrameError
from blazebot.wire.codec import decode_json

__all__ = ["Answer", "NotApplicable", "Violation", "data_of", "expect", "refused", "refused_frame"]

_CLIP: Final = 200
"""Characters of the service's words that are shown."""


class Violation(BlazebotError):
    """A rule does not hold; the message says what was seen instead."""


class NotApplicable(BlazebotError):
    """A check cannot be tried here; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to one HTTP request, as it came; ``call`` names the request."""

    call: str
    status: int
    headers: Mapping[str, str]
    text: bytes

    @property
    def document(self) -> Any:
        """The JSON of the body, None if it is none."""
        try:
            return decode_json(self.text, object)
        except FrameError:
            return None

    @property
    def error(self) -> Any:
        """What stands under ``error``, None if nothing does."""
        document = self.document
        return document.get("error") if isinstance(document, dict) else None

    @property
    def code(self) -> int | None:
        """The code of the error that it is, by body or by HTTP status; None for a success."""
        error = self.error
        if isinstance(error, dict):
            code = error.get("code")
            return code if isinstance(code, int) else 0
        return self.status if self.status >= 400 else None

    def __str__(self) -> str:
        """Return it in few words: nothing of what succeeded, since that may be a secret."""
        if self.error is not None:
            return f"{self.call}: HTTP {self.status}, error {clip(self.error)}"
        kind = "JSON" if self.document is not None else "no JSON"
        return f"{self.call}: HTTP {self.status} with {kind}"


def expect(holds: object, seen: str) -> None:
    """Raise Violation with what was seen, unless the rule holds."""
    if not holds:
        raise Violation(seen)


def data_of(answer: Answer) -> Any:
    """Return ``data`` of a success in whatever form; raise Violation for anything else."""
    expect(answer.code is None and isinstance(answer.document, dict), f"{answer}")
    return answer.document.get("data")


def refused(answer: Answer, *codes: int) -> dict[str, Any]:
    """Return the error of an answer that has one of these codes, in whatever form."""
    wanted = " or ".join(map(str, codes))
    expect(answer.code in codes, f"should be refused with {wanted}; {answer}")
    return answer.error if isinstance(answer.error, dict) else {}


def refused_frame(frame: Mapping[str, Any], *codes: int) -> dict[str, Any]:
    """Return the error of an answer on the line that has one of these codes."""
    error = frame.get("error")
    wanted = " or ".join(map(str, codes))
    seen = f"answered with {clip(error)}" if error is not None else "taken"
    expect(
        isinstance(error, dict) and error.get("code") in codes,
        f"should be refused with {wanted}; was {seen}",
    )
    return dict(error or {})


def clip(value: Any) -> str:
    """Return a value as JSON, cut off where it is long."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _CLIP else f"{text[:_CLIP]}..."
