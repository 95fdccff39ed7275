"""Getting each message handled once, in order."""
