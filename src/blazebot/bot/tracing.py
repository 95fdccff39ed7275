"""Whether there are spans: only where the setting ``traces`` is on, which needs an extra."""

from __future__ import annotations

from types import ModuleType

from blazebot.errors import SettingsError


def load_traces() -> ModuleType:
    """Return :mod:`blazebot.bot.traces`; raises SettingsError: what it needs is not installed."""
    try:
        from blazebot.bot import traces  # noqa: PLC0415 - needs an optional extra
    except ImportError:
        raise SettingsError(
            "traces: needs the extra `otel`: pip install 'blazebot[otel]'"
        ) from None
    return traces
