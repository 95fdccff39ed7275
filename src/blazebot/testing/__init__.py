"""To try a bot: a sandbox process, people to talk with, and what they saw, counted."""
