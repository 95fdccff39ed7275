"""Every error that Blazebot raises, in one tree under :class:`BlazebotError`.

Each message says what is wrong and what to do. None of them ever holds a secret.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "BlazebotError",
    "ConnectionLost",
    "ContentError",
    "DecryptionError",
    "EncryptionError",
    "Forbidden",
    "FrameError",
    "FrameTooLarge",
    "HandlerTimeout",
    "KeystoreError",
    "NotRunning",
    "RegistrationError",
    "RequestTimeout",
    "SandboxError",
    "SendTimeout",
    "ServiceError",
    "ServiceUnavailable",
    "SessionInUse",
    "SettingsError",
    "TokenError",
    "TooManyRequests",
    "Unauthorized",
]


class BlazebotError(Exception):
    """The root of the tree: catch this to catch everything that is ours."""


class SettingsError(BlazebotError):
    """A setting is unknown, malformed or out of range; the message names it and its source."""


class KeystoreError(BlazebotError):
    """A keystore cannot be used; the message names the field and what it should hold."""


class TokenError(BlazebotError):
    """A token was refused.

    ``cause`` is one word for it: ``malformed``, ``algorithm``, ``session``, ``signature``,
    ``expired``, ``clock``, ``request`` or ``reused``.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class FrameError(BlazebotError):
    """Bytes from the other side are not a frame: not gzip, truncated, not JSON, wrong shape."""


class FrameTooLarge(FrameError):
    """A frame inflates to more than the limit; it was refused while inflating."""


class ContentError(BlazebotError):
    """Content does not fit its category: malformed base64, not UTF-8, wrong shape."""


class EncryptionError(BlazebotError):
    """A message cannot be encrypted: too many sessions or none, a bad key, or an RSA keystore."""


class DecryptionError(BlazebotError):
    """An encrypted message or attachment cannot be read; nothing of it is given out.

    ``cause`` is one word for it. Messages: ``version``, ``truncated``, ``session`` (this session
    is not among those that it was encrypted for), ``key`` (encrypted for another key of this
    session, or damaged), ``tampered`` or ``rsa`` (an RSA keystore cannot decrypt). Attachments:
    ``key`` (not 64 bytes), ``truncated``, ``digest``, ``mac`` or ``padding``.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class ConnectionLost(BlazebotError):
    """The line to the service broke while something depended on it."""


class RequestTimeout(BlazebotError):
    """The service did not answer one request within ``request_timeout``."""


class SendTimeout(BlazebotError):
    """A message could not be sent within ``send_timeout``, reconnects included.

    Whether it took effect is unknown. Sending the same ``message_id`` again is safe.
    """


class HandlerTimeout(BlazebotError):
    """A handler ran for longer than ``handler_timeout`` and was cancelled."""


class SessionInUse(BlazebotError):
    """Another process on this machine runs a bot with the same session."""


class RegistrationError(BlazebotError):
    """Something cannot be a handler; the message names it, its file and line."""


class NotRunning(BlazebotError):
    """The bot was asked to send while it does not run."""


class SandboxError(BlazebotError):
    """The sandbox cannot start or refuses a call of its control API."""


class ServiceError(BlazebotError):
    """The service answered with an error (protocol section 9).

    ``status`` and ``code`` are the service's numbers, ``description`` its words, ``extra`` what
    it added, or None. ``temporary`` tells whether the same request may succeed later, unchanged.
    """

    temporary: ClassVar[bool] = False

    def __init__(
        self, code: int, description: str = "", *, status: int = 0, extra: Any = None
    ) -> None:
        text = f"the service answered {code}: {description or 'no description'}"
        super().__init__(text if extra is None else f"{text} ({extra})")
        self.code = code
        self.status = status
        self.description = description
        self.extra = extra


class Forbidden(ServiceError):
    """403: not allowed, or the conversation does not exist."""


class TooManyRequests(ServiceError):
    """429: the bot's quota (100,000 messages a minute [S]) is used up for now."""

    temporary = True


class ServiceUnavailable(ServiceError):
    """500, 7000 or 7001, or an answer that is no answer: the service has a problem for now."""

    temporary = True


class Unauthorized(ServiceError):
    """401: the service refuses this session for good.

    ``cause`` is ``clock``, ``session`` (replaced or revoked), ``key`` (never accepted here) or
    ``unknown``.
    """

    def __init__(
        self,
        code: int = 401,
        description: str = "",
        *,
        status: int = 0,
        extra: Any = None,
        cause: str = "unknown",
        advice: str = "",
    ) -> None:
        super().__init__(code, description, status=status, extra=extra)
        self.cause = cause
        if advice:
            self.args = (f"{self.args[0]}. {advice}",)


_BY_CODE: dict[int, type[ServiceError]] = {
    401: Unauthorized,
    403: Forbidden,
    429: TooManyRequests,
    500: ServiceUnavailable,
    7000: ServiceUnavailable,
    7001: ServiceUnavailable,
}


def service_error(
    code: int, description: str = "", *, status: int = 0, extra: Any = None
) -> ServiceError:
    """Return the exception for an error body of the service, its class chosen by ``code``."""
    kind = _BY_CODE.get(code, ServiceError)
    return kind(code, description, status=status, extra=extra)
