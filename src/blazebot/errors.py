"""Every error that Blazebot raises, in one tree under :class:`BlazebotError`.

Each message says what is wrong and what to do. None of them ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "AnnouncementError",
    "AnswerError",
    "AttachmentError",
    "AttachmentGone",
    "AttachmentInterrupted",
    "AttachmentTooLarge",
    "AuthorizationExpired",
    "BadField",
    "BlazebotError",
    "BotsEnded",
    "ChecksumInvalid",
    "ConnectionLost",
    "ContentError",
    "DeadLetterError",
    "DecryptionError",
    "EncryptionError",
    "EngineError",
    "Forbidden",
    "FrameError",
    "FrameTooLarge",
    "GroupFull",
    "HandlerTimeout",
    "IntegrityError",
    "JobError",
    "KeystoreError",
    "MailboxError",
    "MediaError",
    "NotFound",
    "NotRunning",
    "NotSeen",
    "OutboxError",
    "ProjectError",
    "RegistrationError",
    "RequestError",
    "RequestTimeout",
    "SandboxError",
    "SendTimeout",
    "ServiceError",
    "ServiceUnavailable",
    "SessionInUse",
    "SettingsError",
    "StateChanged",
    "StateError",
    "TargetError",
    "TokenError",
    "TooManyRequests",
    "Unauthorized",
    "UpdateRequired",
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


class AttachmentError(BlazebotError):
    """An attachment cannot be uploaded or downloaded; trying the same again would not help."""


class AttachmentInterrupted(AttachmentError):
    """A transfer broke off, stalled or was refused for now, at each try; later it may succeed.

    A download goes on from where it ended.
    """


class AttachmentGone(AttachmentError):
    """The service does not have the attachment, or no longer."""

    def __init__(self, attachment_id: str) -> None:
        super().__init__(
            f"attachment {attachment_id} is gone: the service does not have it, or no longer; "
            "ask for it to be sent again"
        )


class AttachmentTooLarge(AttachmentError):
    """An attachment has more bytes than ``limit``; what had come of it is removed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the attachment has more than {limit} bytes; see limit")
        self.limit = limit


class MediaError(BlazebotError):
    """What is to be sent cannot be read or understood; the message says what to pass instead."""


class ConnectionLost(BlazebotError):
    """The line to the service broke while something depended on it."""


class RequestTimeout(BlazebotError):
    """The service did not answer one request within ``request_timeout``."""


class RequestError(BlazebotError):
    """A REST request cannot be sent as it is; nothing left.

    ``field`` names the part that is wrong, and the message the limit or form that it should keep.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class AnswerError(BlazebotError):
    """A REST answer is too large, or has not the documented form; what it was to is done."""


class IntegrityError(AnswerError):
    """A REST answer cannot be shown to be the service's own answer to this very request.

    ``cause`` is one word for it: ``request-id`` (it answers another request), ``missing`` (it is
    not signed), ``signature`` (not signed by the service's key) or ``request`` (the signature is
    for another request or another body).
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


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


class BotsEnded(BlazebotError):
    """Of several bots of a process some have ended; ``errors`` says of what, by the bot's id."""

    def __init__(self, errors: Mapping[str, BaseException]) -> None:
        super().__init__(
            "; ".join(f"bot {bot_id} has ended: {error}" for bot_id, error in errors.items())
        )
        self.errors = errors


class TargetError(BlazebotError):
    """What is to be run cannot be found, or is no bot; the message names it."""


class DeadLetterError(BlazebotError):
    """There is no such dead letter, or they cannot be reached; the message says what to do."""


class ProjectError(BlazebotError):
    """A project cannot be made; the message says why."""


class JobError(BlazebotError):
    """A job cannot be scheduled as asked; the message names what is wrong with it."""


class StateError(BlazebotError):
    """A state cannot be changed as asked, or cannot be kept; the message says what to do."""


class StateChanged(StateError):
    """Somebody else has changed a state meanwhile, and it was to be changed only as it was."""


class AnnouncementError(BlazebotError):
    """An announcement cannot be made or changed as asked; the message says what to do."""


class OutboxError(BlazebotError):
    """What is to be sent cannot be kept on disk, such as on a full one; nothing was accepted."""


class MailboxError(BlazebotError):
    """What came cannot be kept for other programs, or a running bot cannot be asked for it."""


class EngineError(BlazebotError):
    """The engine that several processes share cannot be used; the message says what to do."""


class NotRunning(BlazebotError):
    """The bot was asked to send while it does not run."""


class SandboxError(BlazebotError):
    """The sandbox cannot start or refuses a call of its control API."""


class NotSeen(SandboxError, AssertionError):
    """A test waited for what did not come; the message shows what came instead."""


class ServiceError(BlazebotError):
    """The service answered with an error (protocol section 9).

    ``status`` and ``code`` are the service's numbers, ``description`` its words, ``extra`` what
    it added, or None. ``temporary`` tells whether the same request may succeed later, unchanged;
    ``retry_after`` after how many seconds, where the service said so.
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
        self.retry_after: float | None = None


class Forbidden(ServiceError):
    """403: not allowed, or the conversation does not exist."""


class NotFound(ServiceError):
    """404: there is no such thing, or no such endpoint."""


class BadField(ServiceError):
    """10002: a field of the request is missing or wrong; ``extra`` says which."""


class UpdateRequired(ServiceError):
    """10006: the service asks for a newer client: update Blazebot."""


class GroupFull(ServiceError):
    """20116: the group has as many participants as it may have."""


class AuthorizationExpired(ServiceError):
    """20121: the authorisation code has expired or was used: let the user authorise again."""


class ChecksumInvalid(ServiceError):
    """20140: the recipient's sessions are others than those that the message was made for."""


class TooManyRequests(ServiceError):
    """429: the bot's quota (100,000 messages a minute [S]) is used up for now."""

    temporary = True


class ServiceUnavailable(ServiceError):
    """500, 7000 or 7001, or an answer that is no answer: the service has a problem for now."""

    temporary = True


class Unauthorized(ServiceError):
    """401: the service refuses this session for good.

    ``cause`` is ``clock``, ``session`` (replaced or revoked), ``key`` (never accepted here) or
    ``unknown``; ``advice`` says what to do, where the cause is known.
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
        self.advice = advice
        if advice:
            self.args = (f"{self.args[0]}. {advice}",)


_BY_CODE: dict[int, type[ServiceError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: TooManyRequests,
    500: ServiceUnavailable,
    7000: ServiceUnavailable,
    7001: ServiceUnavailable,
    10002: BadField,
    10006: UpdateRequired,
    20116: GroupFull,
    20121: AuthorizationExpired,
    20140: ChecksumInvalid,
}


def service_error(
    code: int, description: str = "", *, status: int = 0, extra: Any = None
) -> ServiceError:
    """Return the exception for an error body of the service, its class chosen by ``code``."""
    kind = _BY_CODE.get(code, ServiceError)
    return kind(code, description, status=status, extra=extra)
