"""Mixin Messenger bots: a typed asyncio client, a bot framework and a sandbox of the service."""
