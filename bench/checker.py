"""Whether a client did all its work, and did it right. Pure: the stub tells what it sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.frames import Sent


class Checker:
    """Watches over ``sent``, the texts of one run in the order in which they are pushed.

    Each is to be acknowledged as often as it was pushed, at least once; with ``echo`` each text
    comes back before that, once, to its conversation, in order, under a message id of its own.
    """

    def __init__(self, sent: Sequence[Sent], *, echo: bool) -> None:
        self._sent = sent
        self._echo = echo
        self._by_id = {one.message_id: number for number, one in enumerate(sent)}
        self._by_text = {one.text: number for number, one in enumerate(sent)} if echo else {}
        self._pushes = [0] * len(sent)
        self._receipts = [0] * len(sent)
        self._echoes = [0] * len(sent)
        self._last_echo: dict[str, int] = {}
        self._echo_ids: set[str] = set()
        self._faults: Counter[str] = Counter()
        self.acknowledged = 0
        """Messages acknowledged so far."""
        self.echoed = 0
        """Messages echoed so far."""
        self._first_left = 0

    @property
    def complete(self) -> bool:
        """Whether everything has come back."""
        total = len(self._sent)
        return self.acknowledged == total and (not self._echo or self.echoed == total)

    @property
    def faults(self) -> dict[str, int]:
        """What is wrong if the run ends now, and how often."""
        missing = Counter({"not acknowledged": len(self._sent) - self.acknowledged})
        if self._echo:
            missing["not echoed"] = len(self._sent) - self.echoed
        return dict(self._faults + missing)

    @property
    def first_left(self) -> int:
        """The number of the first text that is not acknowledged; their number if all are."""
        while self._first_left < len(self._sent) and self._receipts[self._first_left]:
            self._first_left += 1
        return self._first_left

    def is_acknowledged(self, number: int) -> bool:
        """Tell whether the text with this number needs no further push."""
        return self._receipts[number] > 0

    def on_push(self, number: int) -> None:
        """Note that the text with this number is pushed."""
        self._pushes[number] += 1

    def on_receipt(self, message_id: str) -> None:
        """Note an acknowledgement."""
        number = self._by_id.get(message_id)
        if number is None:
            self._faults["unknown message acknowledged"] += 1
            return
        self._receipts[number] += 1
        if self._receipts[number] == 1:
            self.acknowledged += 1
        if self._receipts[number] > self._pushes[number]:
            self._faults["acknowledged more often than pushed"] += 1
        if self._echo and not self._echoes[number]:
            self._faults["acknowledged before its echo"] += 1

    def on_echo(self, conversation_id: str, message_id: str, text: str) -> None:
        """Note a message from the client."""
        number = self._by_text.get(text)
        if not self._echo or number is None:
            self._faults["message that is no echo"] += 1
            return
        if message_id in self._echo_ids:
            self._faults["message id used again"] += 1
        self._echo_ids.add(message_id)
        if conversation_id != self._sent[number].conversation_id:
            self._faults["echo to the wrong conversation"] += 1
        self._echoes[number] += 1
        if self._echoes[number] > 1:
            self._faults["echoed again"] += 1
            return
        self.echoed += 1
        if number < self._last_echo.get(conversation_id, -1):
            self._faults["echo out of order"] += 1
        self._last_echo[conversation_id] = number
