"""What nobody outside the service can know [A]: each assumption is one setting.

They stand apart from the other settings so that they can be read, listed and changed in one place;
:class:`~blazebot.sandbox.settings.SandboxSettings` includes them all.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Assumptions(Struct, frozen=True, kw_only=True):
    """How the sandbox behaves where neither documents nor clients say how the service does."""

    strict_tokens: bool = False
    """Whether a token that was used before is refused. Shipped clients reuse one on reconnect [C],
    so by default a repeat is only counted."""

    check_signatures: bool = True
    """Whether a token whose ``sig`` is that of another request is refused. Three shipped clients
    sign something slightly different for odd bodies, queries or ports [C]; if False, such tokens
    are only counted."""

    newer_connection_wins: bool = True
    """Whether a second connection of a session closes the first; if False, the second is closed."""

    bots_hear_bots: bool = False
    """Whether what one bot sends is delivered to other bots in the conversation."""

    group_status: Literal["any", "all"] = "any"
    """Whose receipt moves the status of a group's message: any recipient's, or that of the last of
    all recipients."""

    atomic_batches: bool = True
    """Whether a batch with one refused message is refused as a whole; if False, the others are
    taken."""

    service_categories: tuple[str, ...] = ("SYSTEM_",)
    """Beginnings of the categories that only the service sends; a bot is refused with 403."""

    redeliver_after: Annotated[float, Meta(gt=0)] = 30.0
    """Seconds after which an unacknowledged message is pushed again on the same connection."""
