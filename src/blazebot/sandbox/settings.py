"""The sandbox's settings: table ``[sandbox]``, environment ``BLAZEBOT_SANDBOX_*``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from blazebot.errors import SettingsError
from blazebot.sandbox.assumptions import Assumptions
from blazebot.settings import SETTINGS_FILE, load_settings
from blazebot.wire.limits import FRAME_LIMIT, QUOTA_PER_MINUTE

__all__ = ["SandboxSettings", "load_sandbox_settings"]

_Seconds = Annotated[float, Meta(gt=0)]


class SandboxSettings(Assumptions, frozen=True, kw_only=True):
    """How a sandbox is run; times are in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    """The address to listen on. Beyond loopback the control API needs ``token``."""

    port: Annotated[int, Meta(ge=0, le=65535)] = 7777
    """The port to listen on; 0 picks a free one."""

    db: str | None = None
    """The database file. None: a private temporary one, which is gone when the sandbox ends."""

    sync: Literal["normal", "full"] = "normal"
    """What an answer outlives: ``normal`` a kill of the process, ``full`` also a loss of power."""

    allow_hosts: tuple[str, ...] = ()
    """Further host names under which the sandbox may be addressed."""

    token: str | None = None
    """What the control API asks for beyond loopback. None: made at the start and shown once."""

    impersonate: bool = False
    """Whether it also serves the service's own host names, by TLS on loopback."""

    tls_port: Annotated[int, Meta(ge=0, le=65535)] = 443
    """The port for those names; 0 picks a free one. Clients go to 443."""

    ca_dir: str | None = None
    """Where its certificate authority is kept; by default in the user's data directory."""

    apply: bool = False
    """Whether the hosts file leads those names here while it runs."""

    hosts_file: str = "/etc/hosts"
    """The hosts file."""

    faults: tuple[str, ...] = ()
    """Faults that are switched on from the start: ``KIND name=value ...``."""

    fault_seed: int = 0
    """What the chances of faults come from: the same seed, the same faults."""

    log_entries: Annotated[int, Meta(ge=1)] = 10_000
    """How many entries of the wire log are kept in memory."""

    log_file: str | None = None
    """A file to which the wire log is appended, as JSON lines."""

    quota: Annotated[int, Meta(ge=1)] = QUOTA_PER_MINUTE
    """Messages that a bot may send in any ``quota_window``."""

    quota_window: _Seconds = 60.0
    """How far back the quota looks."""

    heartbeat: _Seconds = 15.0
    """Time between two pings; clients need one every 10-20 s [C]."""

    silence_limit: _Seconds = 60.0
    """A line on which nothing came for so long, not even the answer to a ping, is dropped."""

    connection_limit: Annotated[int, Meta(ge=1)] = 10_000
    """Connections at once, of bots, drivers and pages; who comes then is refused. Fewer where the
    system gives a process fewer files."""

    idle_limit: _Seconds = 75.0
    """A connection is dropped on which for so long, or twice so long, a request or an answer does
    not get on; a body has to be whole by then."""

    frame_limit: Annotated[int, Meta(ge=1024)] = FRAME_LIMIT
    """The largest frame that is read, once inflated."""

    attachment_limit: Annotated[int, Meta(ge=1)] = 2 * 1024**3
    """The largest attachment that may be uploaded."""

    stop_grace: _Seconds = 3.0
    """How long a stopping sandbox waits for the other side to close its lines."""

    def __repr__(self) -> str:
        """Return the settings without the token, which is a secret."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__)
        return f"SandboxSettings({', '.join(s for s in shown if not s.startswith('token='))})"


def load_sandbox_settings(
    arguments: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    path: str | Path = SETTINGS_FILE,
) -> SandboxSettings:
    """Return the sandbox's settings: ``arguments`` over environment over the settings file.

    Raises:
        SettingsError: a value is unknown or malformed; the message names where it stands.
    """
    settings = load_settings(
        SandboxSettings,
        table="sandbox",
        prefix="BLAZEBOT_SANDBOX_",
        arguments=arguments,
        environment=environment,
        path=path,
    )
    if settings.apply and not settings.impersonate:
        raise SettingsError("apply: there is nothing to apply without impersonate")
    return settings
