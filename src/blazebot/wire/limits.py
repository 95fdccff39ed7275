"""The protocol's numbers, each with its source ([S] seeds, [D] API documentation, [C] clients)."""

from __future__ import annotations

from typing import Final

MIB: Final = 1024 * 1024

FRAME_LIMIT: Final = 4 * MIB
"""Default bound, in bytes, of a frame once inflated (ours)."""

BATCH_LIMIT: Final = 100
"""Messages in one batch, receipts in one batch [S]."""

REQUEST_LIMIT: Final = 128 * 1024
"""Bytes in one REST request body of messages [D]."""

QUOTA_PER_MINUTE: Final = 100_000
"""Messages that one bot may send in a minute [S]."""

CLOCK_TOLERANCE: Final = 300
"""Seconds by which a token's ``iat`` may differ from the service's clock [S]."""

RETENTION: Final = 7 * 24 * 3600
"""Seconds for which the service keeps an undelivered message [S]."""

PARTICIPANTS_LIMIT: Final = 256
"""Participants of one group [D]."""


BUTTONS_DOCUMENTED: Final = 6
"""Buttons in a group by the documents [S]."""

BUTTONS_LIMIT: Final = 18
"""Buttons in a group that today's clients allow [C]."""

LABEL_LENGTH: Final = 36
"""Characters on a button [S]."""

TITLE_LENGTH: Final = 36
"""Characters of a card's title [D]."""

DESCRIPTION_LENGTH: Final = 1024
"""Characters of a card's description [D]."""

FILE_NAME_LENGTH: Final = 512
"""Characters of a file's name [A]."""

TRANSCRIPT_LIMIT: Final = 1000
"""Messages in a transcript [A]."""


def socket_limit(frame_limit: int) -> int:
    """Return the socket library's own message limit for our inflated ``frame_limit``.

    It lies above ours, so that a frame that is too large is refused by us, alone, and does not
    cost the connection.
    """
    return 4 * frame_limit


DOWNLOAD_LIMIT: Final = 1024 * MIB
"""Bytes that a downloaded attachment may have unless told otherwise (ours)."""
