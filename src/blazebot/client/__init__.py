"""The bot end's I/O: one line to Blaze, REST, receipts."""
