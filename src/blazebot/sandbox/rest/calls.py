"""Calls of the service's REST: what an endpoint is given, and how it is found by its path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from blazebot.errors import FrameError
from blazebot.sandbox.rules.drafts import AnyRequest
from blazebot.sandbox.rules.refusals import bad_request, bad_shape
from blazebot.sandbox.storage.rows import User
from blazebot.wire.codec import decode_json
from blazebot.wire.limits import REQUEST_LIMIT

__all__ = ["Call", "Endpoint", "Endpoints", "Route", "Routes", "read_body", "read_messages"]

_PARAMETER: Final = ":"


class Call(NamedTuple):
    """A request whose token was found good.

    ``parameters`` are what stands in the path for each ``:name`` of the endpoint's pattern, in
    order; ``origin`` is how the client addressed the sandbox: ``http://127.0.0.1:7777``. One that
    ``is_lost`` is answered and takes no effect.
    """

    user: User
    session_id: str
    parameters: tuple[str, ...]
    body: bytes
    origin: str
    is_lost: bool = False


Endpoint = Callable[[Call], Awaitable[Any]]
"""Answers a call with the answer's JSON; raises ServiceError to refuse it."""

Endpoints = Mapping[tuple[str, str], Endpoint]
"""Endpoints by method and pattern: ``("GET", "/users/:id")``."""


class Route(NamedTuple):
    """An endpoint that was found. ``name`` is its method and pattern: ``GET /users/:id``."""

    name: str
    endpoint: Endpoint
    parameters: tuple[str, ...]


class Routes:
    """Finds endpoints. A pattern without parameters goes before one with them."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._plain: dict[tuple[str, str], Endpoint] = {}
        self._patterns: list[tuple[str, list[str], Endpoint]] = []
        for (method, pattern), endpoint in endpoints.items():
            if _PARAMETER in pattern:
                self._patterns.append((method, pattern.split("/"), endpoint))
            else:
                self._plain[method, pattern] = endpoint

    def find(self, method: str, path: str) -> Route | None:
        """Return the endpoint for a path, without its query; None if there is none."""
        endpoint = self._plain.get((method, path))
        if endpoint is not None:
            return Route(f"{method} {path}", endpoint, ())
        segments = path.split("/")
        for known, pattern, found in self._patterns:
            if known == method and _matches(pattern, segments):
                parameters = tuple(
                    segment
                    for part, segment in zip(pattern, segments, strict=True)
                    if part.startswith(_PARAMETER)
                )
                return Route(f"{method} {'/'.join(pattern)}", found, parameters)
        return None


def _matches(pattern: list[str], segments: list[str]) -> bool:
    return len(pattern) == len(segments) and all(
        part == segment or (part.startswith(_PARAMETER) and segment)
        for part, segment in zip(pattern, segments, strict=True)
    )


def read_body(body: bytes, kind: Any) -> Any:
    """Return a JSON body as ``kind``.

    Raises:
        ServiceError: 400 if it is no JSON, 10002 if it has another shape.
    """
    try:
        return decode_json(body, kind)
    except FrameError as error:
        try:
            decode_json(body, msgspec.Raw)
        except FrameError:
            raise bad_request(str(error)) from None
        raise bad_shape(error, "body") from None


def read_messages(body: bytes) -> list[AnyRequest]:
    """Return the messages of a body that is one or a list of them, of at most 128 KiB [D].

    Raises:
        ServiceError: 400 if it is no JSON or too large, 10002 if it has another shape.
    """
    if len(body) > REQUEST_LIMIT:
        raise bad_request(f"the body has more than {REQUEST_LIMIT} bytes")
    requests: list[AnyRequest] | AnyRequest = read_body(body, list[AnyRequest] | AnyRequest)
    return [requests] if isinstance(requests, AnyRequest) else requests
