"""The newest lines of the log, to be shown when a test fails."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final, Self

KEPT: Final = 200
"""Records that are kept."""


class RecentLog(logging.Handler):
    """Keeps the newest records of all loggers, from ``with`` to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self._records: deque[logging.LogRecord] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self._records.append(record)

    @property
    def lines(self) -> list[str]:
        """What was logged, oldest first; a traceback has many lines."""
        return [line for one in self._records for line in self.format(one).splitlines()]

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        logging.getLogger().removeHandler(self)
