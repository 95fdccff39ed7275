"""All checks, by the section of the protocol that their rules stand in."""

from __future__ import annotations

from typing import Final

from blazebot.conformance.check import Check
from blazebot.conformance.rules import (
    attachments,
    categories,
    conversations,
    delivery,
    encrypted,
    frames,
    handshakes,
    oauth,
    rest,
    sending,
    tokens,
    users,
    views,
)

__all__ = ["CHECKS"]

CHECKS: Final[tuple[Check, ...]] = tuple(
    found
    for section in (
        tokens,
        oauth,
        frames,
        sending,
        views,
        categories,
        delivery,
        conversations,
        encrypted,
        rest,
        users,
        attachments,
        handshakes,
    )
    for found in vars(section).values()
    if isinstance(found, Check)
)
"""Every check, in the order of the protocol."""
