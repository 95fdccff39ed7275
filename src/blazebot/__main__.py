"""``python -m blazebot``: the command line."""

from blazebot.cli.main import app

app()
