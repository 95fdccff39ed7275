"""What is imported once, in the process that commands are forked from."""

from __future__ import annotations

import gc
from typing import Final

import typer.main
from typer.testing import CliRunner

import blazebot.announce.announcements
import blazebot.cli.service
import blazebot.conformance.rules
import blazebot.demo.talk  # noqa: F401
from blazebot.cli.main import app

command: Final = typer.main.get_command(app)

CliRunner().invoke(app, ["decode", "-"], input="{}")  # what is imported on the way
gc.freeze()  # what is collected in a process that was forked is its own
