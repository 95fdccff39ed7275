"""The settings of ``blazebot mcp``, each with its default and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from blazebot.bot.settings import check_address
from blazebot.settings import load_settings


class McpSettings(msgspec.Struct, kw_only=True, frozen=True):
    """What an assistant may do, and where the mailbox is."""

    allow: tuple[str, ...] = ()
    """Whom it may write to, and nobody else: ids of people, and ``group:`` with those of the
    conversations of groups."""
    allow_file: str | None = None
    """A file with more of them, one in each line, with what to call them, if anything."""
    per_minute: Annotated[int, msgspec.Meta(ge=1)] = 10
    """Messages that it may send in a minute."""
    at: str | None = None
    """Address of a running bot's endpoint, such as ``http://10.0.0.7:9464``. Without it the bot
    that runs on this machine is found by its data directory."""
    attach_only: bool = False
    """Whether to fail where no bot runs; otherwise the line to the service is held here."""


def load_mcp_settings(
    arguments: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> McpSettings:
    """Return settings from ``arguments`` over ``BLAZEBOT_MCP_*`` over ``[mcp]`` in blazebot.toml.

    Raises:
        SettingsError: a value is unknown or malformed; the message names where it stands.
    """
    settings = load_settings(
        McpSettings,
        table="mcp",
        prefix="BLAZEBOT_MCP_",
        arguments=arguments,
        environment=environment,
    )
    if settings.at is not None:
        check_address("at", settings.at)
    return settings
