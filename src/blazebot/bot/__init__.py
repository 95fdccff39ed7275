"""What people write: a bot, its handlers, the messages that they take."""
