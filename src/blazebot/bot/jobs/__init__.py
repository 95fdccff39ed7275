"""Jobs: what a bot does at a time, not for a message. They survive a restart and run once."""
