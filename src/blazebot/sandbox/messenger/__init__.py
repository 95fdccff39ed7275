"""The Messenger: the sandbox's page, on which a person talks to bots in a browser."""
