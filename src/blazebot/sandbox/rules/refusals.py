"""The errors that the sandbox answers with, in the service's numbers and words (section 9)."""

from __future__ import annotations

import re
from typing import Final

from blazebot.errors import FrameError, ServiceError, TokenError, service_error
from blazebot.wire.frames import ErrorBody

__all__ = [
    "bad_field",
    "bad_request",
    "bad_shape",
    "broken",
    "busy",
    "checksum_invalid",
    "code_expired",
    "conflict",
    "error_body",
    "forbidden",
    "group_full",
    "no_endpoint",
    "not_found",
    "too_large",
    "too_many_requests",
    "too_slow",
    "unauthorized",
]

BAD_REQUEST: Final = 400
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
TOO_SLOW: Final = 408
CONFLICT: Final = 409
TOO_LARGE: Final = 413
TOO_MANY_REQUESTS: Final = 429
SERVER_ERROR: Final = 500
BUSY: Final = 503
BAD_FIELD: Final = 10002
GROUP_FULL: Final = 20116
CODE_EXPIRED: Final = 20121
CHECKSUM_INVALID: Final = 20140

_STATUS: Final = 202
"""What ``status`` of an error is: that of the HTTP answer [D]."""

_PLACE: Final = re.compile(r"at `\$\.?([^`]*)`|field `([^`]*)`")


def bad_request(reason: str) -> ServiceError:
    """Return 400: this is not a request at all."""
    return service_error(
        BAD_REQUEST,
        "The request body can't be parsed as valid data.",
        status=_STATUS,
        extra={"reason": reason},
    )


def bad_field(field: str, reason: str) -> ServiceError:
    """Return 10002: ``field`` does not hold what it should."""
    return service_error(
        BAD_FIELD,
        "The request data has invalid field.",
        status=_STATUS,
        extra={"field": field, "reason": reason},
    )


def bad_shape(error: FrameError, whole: str) -> ServiceError:
    """Return 10002 for JSON of another shape; ``whole`` names it where no field is to blame."""
    words = str(error)
    places = [first or second for first, second in _PLACE.findall(words)]
    return bad_field(".".join(reversed([place for place in places if place])) or whole, words)


def unauthorized(error: TokenError) -> ServiceError:
    """Return 401; ``extra`` tells the developer what the service would not."""
    return service_error(
        UNAUTHORIZED,
        "Unauthorized, maybe invalid token.",
        status=_STATUS,
        extra={"cause": error.cause, "reason": str(error)},
    )


def forbidden(reason: str) -> ServiceError:
    """Return 403: not allowed, or no such conversation."""
    return service_error(
        FORBIDDEN,
        "You are not allowed to access this resource.",
        status=_STATUS,
        extra={"reason": reason},
    )


def not_found(reason: str) -> ServiceError:
    """Return 404: there is no such thing."""
    return service_error(
        NOT_FOUND, "The resource is not found.", status=_STATUS, extra={"reason": reason}
    )


def conflict(reason: str) -> ServiceError:
    """Return 409: it is so already, and stays so; only where HTTP statuses are the answer."""
    return service_error(CONFLICT, "Conflict.", status=_STATUS, extra={"reason": reason})


def too_large(limit: int, setting: str = "") -> ServiceError:
    """Return 413: a file has more bytes than ``limit``, which is a setting; as :func:`conflict`."""
    reason = f"it may have at most {limit} bytes"
    if setting:
        reason += f": see the setting {setting}"
    return service_error(TOO_LARGE, "Too large.", status=_STATUS, extra={"reason": reason})


def too_slow(seconds: float) -> ServiceError:
    """Return 408: the body of a request did not come within so many seconds."""
    return service_error(
        TOO_SLOW,
        "Request Timeout.",
        status=_STATUS,
        extra={"reason": f"the body did not come in {seconds:g} s: see the setting idle_limit"},
    )


def group_full(limit: int) -> ServiceError:
    """Return 20116: the group would have more than ``limit`` participants."""
    return service_error(
        GROUP_FULL,
        "The group chat is full.",
        status=_STATUS,
        extra={"reason": f"a group has at most {limit} participants"},
    )


def code_expired(reason: str) -> ServiceError:
    """Return 20121: an authorisation code is of no use, or no longer."""
    return service_error(
        CODE_EXPIRED,
        "The authorization code has expired.",
        status=_STATUS,
        extra={"reason": reason},
    )


def checksum_invalid() -> ServiceError:
    """Return 20140: a message is encrypted for others than the recipient's sessions."""
    return service_error(
        CHECKSUM_INVALID,
        "Invalid conversation checksum.",
        status=_STATUS,
        extra={"reason": "the recipient's sessions have changed; fetch them and encrypt again"},
    )


def no_endpoint(method: str, path: str) -> ServiceError:
    """Return 404: there is no such endpoint."""
    return service_error(
        NOT_FOUND,
        "The endpoint is not found.",
        status=_STATUS,
        extra={"reason": f"the sandbox has no {method} {path}"},
    )


def too_many_requests(quota: int, window: float) -> ServiceError:
    """Return 429: the bot has sent ``quota`` messages in ``window`` seconds [D]."""
    return service_error(
        TOO_MANY_REQUESTS,
        "Too Many Requests.",
        status=_STATUS,
        extra={
            "reason": f"a bot sends at most {quota} messages in {window:g} s: "
            "see the settings quota and quota_window"
        },
    )


def busy() -> ServiceError:
    """Return 503: so much is being read already that this has no room."""
    return service_error(
        BUSY,
        "Service Unavailable.",
        status=_STATUS,
        extra={"reason": "too many large bodies are being read; try again"},
    )


def broken() -> ServiceError:
    """Return 500: the sandbox itself failed; its log says how."""
    return service_error(SERVER_ERROR, "Internal Server Error", status=SERVER_ERROR)


def error_body(error: ServiceError) -> ErrorBody:
    """Return the error as it is written on the wire."""
    return ErrorBody(
        status=error.status, code=error.code, description=error.description, extra=error.extra
    )
