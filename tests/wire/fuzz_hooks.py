"""How schemathesis is to try the control API, by ``SCHEMATHESIS_HOOKS``."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import urlencode

from schemathesis import Case, HookContext, hook

LONGEST_QUERY = 4096

KEPT = ("encrypted", "unchecked", "expire_in")

IDS: dict[str, list[str]] = json.loads(os.environ.get("FUZZ_IDS", "{}"))


@hook
def filter_case(context: HookContext, case: Case[Any]) -> bool:
    """Leave out what is not for the control API to answer.

    The fault that cuts every connection, schemathesis' own too; and addresses that are too long
    for HTTP, which are refused before anybody knows for whom they are.
    """
    restarts = isinstance(case.body, dict) and case.body.get("kind") == "restart"
    return not restarts and len(urlencode(case.query or {}, doseq=True)) < LONGEST_QUERY


@hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """Let many a good message be one that can be sent: left to chance, next to none would be."""
    if case.operation.label != "POST /people/{person_id}/messages":
        return case
    body, meta = case.body, case.meta
    if not isinstance(body, dict) or meta is None or not meta.generation.mode.is_positive:
        return case
    if "silent" in body:  # a coin
        kept = {name: body[name] for name in KEPT if name in body}
        place = {"conversation_id": IDS["conversations"][0]}
        case.body = kept | place | {"text": body.get("text") or "Hi"}
        case.path_parameters["person_id"] = IDS["people"][0]
    return case
