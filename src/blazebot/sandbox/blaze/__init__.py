"""The Blaze endpoint and the lines of bots."""
