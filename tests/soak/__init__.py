"""Everything broken at once, counted from outside: short forms, and long ones (marked soak)."""
