"""The command ``blazebot``, with what keeps announcements right switched off where asked.

``BLAZEBOT_TEST_WITHOUT`` is ``limiter`` or ``ids``.
"""

from __future__ import annotations

import os
from uuid import uuid4

from blazebot.announce.composer import Composer
from blazebot.announce.stored import Waiting
from blazebot.cli.main import app
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.wire.messages import MessageRequest

compose = Composer.message


def with_random_id(self: Composer, one: Waiting) -> MessageRequest:
    request = compose(self, one)
    request.message_id = str(uuid4())
    return request


def let_leave(self: QuotaLimiter, count: int, *, first: bool) -> bool:
    return True


if __name__ == "__main__":
    without = os.environ.get("BLAZEBOT_TEST_WITHOUT")
    if without == "limiter":
        QuotaLimiter.try_take = let_leave  # type: ignore[method-assign]
    elif without == "ids":
        Composer.message = with_random_id  # type: ignore[method-assign]
    app()
