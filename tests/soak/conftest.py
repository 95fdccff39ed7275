"""The sandbox, people and bots of the tests of the wire."""

from __future__ import annotations

from tests.wire.conftest import (
    control,
    http,
    make_bot,
    people,
    process_for_all,
    sandbox,
    shared_process,
    world,
)

__all__ = [
    "control",
    "http",
    "make_bot",
    "people",
    "process_for_all",
    "sandbox",
    "shared_process",
    "world",
]
