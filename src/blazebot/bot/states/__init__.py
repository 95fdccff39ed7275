"""States: conversations with steps, safe with handlers that run again."""
