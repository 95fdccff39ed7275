"""Shipped clients, unmodified and under the service's own names, against the sandbox."""
