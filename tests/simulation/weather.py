"""What is wrong with the service just now."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final, Literal, get_args

Asked = Literal["handshake", "list", "send", "receipts", "call"]
"""What may be answered 401 though the session is good."""

ASKED: Final[tuple[Asked, ...]] = get_args(Asked)


class Weather:
    """Nothing at first; all of it passes."""

    def __init__(self) -> None:
        self.mute = 0
        """So many requests take effect and are not answered."""
        self.deaf = 0
        """So many requests are lost."""
        self.errors: deque[int] = deque()
        """Codes that the next sends are refused with, for now."""
        self.forbidden: dict[str, float] = {}
        """Until when sends are refused for good, by conversation."""
        self.unauthorized: Counter[Asked] = Counter()
        """So many are answered 401 though the session is good."""
        self.lost_receipts = 0
        """So many acknowledgements are answered and forgotten."""
        self.refused: dict[str, float] = {}
        """Until when handshakes are refused, by the address; "" is every one."""
        self.hanging = 0
        """So many handshakes are never answered."""
        self.calls_fail_until = 0.0

    def is_unauthorized(self, asked: Asked) -> bool:
        """Tell whether this one is answered 401, which counts it."""
        if not self.unauthorized[asked]:
            return False
        self.unauthorized[asked] -= 1
        return True

    def clear(self) -> None:
        """Let everything go well from now on."""
        self.__init__()  # type: ignore[misc]
