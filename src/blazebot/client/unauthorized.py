"""Why the service refuses a session for good, told apart as far as a client can."""

from __future__ import annotations

from typing import Final

from blazebot.errors import Unauthorized
from blazebot.wire.limits import CLOCK_TOLERANCE

_ADVICE: Final = {
    "clock": "This machine's clock is {skew:+.0f} s off the service's; more than 5 minutes are "
    "refused. Set the clock (NTP) and start again.",
    "session": "This key was accepted before: the session has been revoked, or replaced by a newer "
    "one. Generate a new session in the dashboard and use its keystore.",
    "key": "This key was never accepted here: the keystore's ids and private key do not belong "
    "together, or its session is gone. Generate a new session and use its keystore whole.",
}


def explain_unauthorized(
    error: Unauthorized, *, clock_skew: float | None, accepted_before: bool
) -> Unauthorized:
    """Return ``error`` with its cause and what to do.

    ``clock_skew`` is in seconds, our clock less the service's, None if unknown. The service does
    not say whether it does not know the session or the key [S]; that the same key was accepted
    before tells a session that has ended from a key that never fitted.
    """
    if clock_skew is not None and abs(clock_skew) > CLOCK_TOLERANCE:
        cause = "clock"
    elif accepted_before:
        cause = "session"
    else:
        cause = "key"
    return Unauthorized(
        error.code,
        error.description,
        status=error.status,
        extra=error.extra,
        cause=cause,
        advice=_ADVICE[cause].format(skew=clock_skew or 0.0),
    )
