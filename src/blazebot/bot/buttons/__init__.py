"""Buttons that call back: what pressing one means is signed into it, and comes back typed."""
