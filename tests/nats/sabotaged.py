"""The command ``blazebot`` with a mechanism switched off, to see that the tests notice.

``SWITCHED_OFF`` in the environment says which: ``order`` lets workers have several messages of a
partition at once, ``ids`` gives each reply an id of its own.
"""

from __future__ import annotations

import os
from uuid import uuid4

from blazebot.cli.main import app
from blazebot.delivery.message_ids import SentByHandler
from blazebot.jetstream import streams


def _any_id(self: SentByHandler, *said: object) -> str:
    return str(uuid4())


if os.environ["SWITCHED_OFF"] == "order":
    streams.UNACKNOWLEDGED = 16  # type: ignore[misc]
else:
    SentByHandler.message_id = _any_id  # type: ignore[assignment, method-assign]

app()
