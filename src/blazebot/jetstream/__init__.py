"""A bot on NATS JetStream: gateways that hold its line, and workers that run its handlers."""
