"""The service end of the wire: the message service in one local process."""

from blazebot.sandbox.server import Sandbox, serve
from blazebot.sandbox.settings import SandboxSettings, load_sandbox_settings

__all__ = ["Sandbox", "SandboxSettings", "load_sandbox_settings", "serve"]
