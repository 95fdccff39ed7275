"""The OpenAPI description of the control API, made of its operations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from types import UnionType
from typing import Any, Final, get_args

import msgspec

from blazebot.sandbox.control.answers import ErrorDocument
from blazebot.sandbox.control.operations import JSON, Operation
from blazebot.sandbox.guard import CONTROL_PREFIX

__all__ = ["describe"]

_VERSION: Final = "3.1.0"
_SCHEMAS: Final = "#/components/schemas/{name}"
_RESPONSES: Final = "#/components/responses/"
_BYTES: Final = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}

_ABOUT: Final = (
    "Drives a blazebot sandbox from outside: makes people and bots, acts for people, moves the "
    f"clocks. What many people do and see goes through the WebSocket {CONTROL_PREFIX}/socket."
)
_TOKEN: Final = "Beyond loopback: the token that the sandbox showed at its start."  # noqa: S105

_Types = dict[Any, Any]
"""The schema of each type."""


def describe(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of these operations."""
    bodies = [one.body for one in operations if one.body not in (None, bytes)]
    answers = [kind for one in operations for kind in _alternatives(one.answer)]
    types = [ErrorDocument, *bodies, *answers]
    schemas, components = msgspec.json.schema_components(types, ref_template=_SCHEMAS)
    for schema in components.values():  # indented text would be shown as code
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schema_of)
    statuses = sorted({status for one in operations for status in _refusals(one)})
    return {
        "openapi": _VERSION,
        "info": {
            "title": "Control API of the blazebot sandbox",
            "version": version("blazebot"),
            "description": _ABOUT,
        },
        "servers": [{"url": CONTROL_PREFIX}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": _TOKEN}
            },
            "schemas": components,
            "responses": {
                str(status): _response(HTTPStatus(status).phrase, JSON, schema_of[ErrorDocument])
                for status in statuses
            },
        },
    }


def _operation(operation: Operation, schema_of: _Types) -> dict[str, Any]:
    summary, _, more = (inspect.getdoc(operation.handler) or "").partition("\n")
    alternatives = [schema_of[kind] for kind in _alternatives(operation.answer)]
    answer = alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}
    if operation.media_type != JSON:  # lines, whose schema cannot be told before OpenAPI 3.2
        answer = {"type": "string"}
    described: dict[str, Any] = {
        "summary": summary.rstrip("."),
        "tags": [operation.path.split("/")[1]],
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation.query)],
        "responses": {
            "200": _response("OK", operation.media_type, answer),
            **{str(status): {"$ref": f"{_RESPONSES}{status}"} for status in _refusals(operation)},
        },
    }
    if more:
        described["description"] = " ".join(more.split())
    if operation.body is bytes:
        described["requestBody"] = {"content": _BYTES}
    elif operation.body is not None:
        described["requestBody"] = {"content": {JSON: {"schema": schema_of[operation.body]}}}
    return described


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameters(query: type[msgspec.Struct] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    _, components = msgspec.json.schema_components([query])
    properties = components[query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": kind} for name, kind in properties.items()]


def _refusals(operation: Operation) -> list[int]:
    """Return with which statuses an operation is refused, or fails."""
    statuses = {403, 500, *operation.refusals}
    if "{" in operation.path:
        statuses.add(404)
    if operation.query is not None:
        statuses.add(400)
    if operation.body is not None:
        statuses |= {400, 413}
    if operation.body not in (None, bytes):
        statuses.add(415)
    return sorted(statuses)


def _response(description: str, media_type: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}
