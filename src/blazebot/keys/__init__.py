"""A bot's secrets: keystores and the tokens that they sign."""
