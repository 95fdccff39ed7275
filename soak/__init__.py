"""``python -m soak``: everything broken at once, and everything counted from outside."""
