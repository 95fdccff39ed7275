"""The mailbox: what came lately, for programs that read it beside the bot, and send by it."""
