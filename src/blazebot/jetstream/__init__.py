"""A bot on NATS JetStream: gateways that hold its line, and workers that run its handlers."""

try:
    import nats  # noqa: F401 - an optional extra
except ImportError:
    raise ImportError(
        "blazebot.jetstream needs the extra `nats`: pip install 'blazebot[nats]'"
    ) from None
