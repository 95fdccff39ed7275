"""`blazebot mcp`: a bot's messages for assistants, over the Model Context Protocol."""

try:
    import mcp  # noqa: F401 - an optional extra
except ImportError:
    raise ImportError("blazebot.mcp needs the extra `mcp`: pip install 'blazebot[mcp]'") from None
