"""A 401 is explained: the clock, a session that has ended, or a key that never fitted."""

from __future__ import annotations

import pytest

from blazebot.client.unauthorized import explain_unauthorized
from blazebot.errors import Unauthorized
from blazebot.wire.limits import CLOCK_TOLERANCE


@pytest.mark.parametrize(
    ("clock_skew", "accepted_before", "cause", "advice"),
    [
        (CLOCK_TOLERANCE + 1.0, True, "clock", "+301 s off"),
        (-CLOCK_TOLERANCE - 1.0, False, "clock", "-301 s off"),
        (float(CLOCK_TOLERANCE), True, "session", "revoked, or replaced"),
        (None, True, "session", "Generate a new session"),
        (None, False, "key", "never accepted here"),
        (-10.0, False, "key", "do not belong together"),
    ],
)
def test_the_cause_and_what_to_do(
    clock_skew: float | None, accepted_before: bool, cause: str, advice: str
) -> None:
    error = Unauthorized(401, "no", status=202, extra={"reason": "x"})
    explained = explain_unauthorized(error, clock_skew=clock_skew, accepted_before=accepted_before)
    assert explained.cause == cause
    assert advice in str(explained)
    assert "the service answered 401: no" in str(explained)
    assert (explained.code, explained.status) == (401, 202)
    assert explained.extra == {"reason": "x"}
