"""What can be seen of bots from outside: counts, metrics, health, and the form of the log."""
