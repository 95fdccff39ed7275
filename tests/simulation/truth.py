"""What the handlers of bots have done, as the world sees it, and what must hold of that."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from blazebot.errors import ConnectionLost, SendTimeout
from blazebot.wire.messages import READ
from tests.simulation.handlers import COUNTING, REPLIES, kind_of
from tests.simulation.network import Network
from tests.simulation.service import Service

if TYPE_CHECKING:
    from tests.simulation.life import Life

KEPT: Final = 600.0
"""Seconds for which ids of handled messages are remembered, at least."""

LONGEST_PAUSE: Final = 10.0
"""Seconds between two tries of a handler, at most."""


class Broken(AssertionError):
    """What must hold does not."""


class Truth:
    """What bots of whichever life have done with ``messages``: number and conversation by id."""

    def __init__(self, service: Service, limits: dict[str, int]) -> None:
        self.messages: dict[str, tuple[int, str]] = {}
        self.encrypted: set[str] = set()
        """Those of them that came encrypted."""
        self.odd: set[str] = set()
        """Messages that no handler is for."""
        self.healed: set[tuple[str, str]] = set()
        """What is poisoned no longer: bot and message."""
        self.replaying: set[tuple[str, str]] = set()
        """Dead letters that are to be handled again."""
        self._unreadable: set[tuple[str, str]] = set()
        self._service = service
        self._limits = limits
        self._broken = service.complaints
        service.on_acknowledged = self._acknowledged
        # By bot and message or its number
        self._runs: Counter[tuple[str, int]] = Counter()
        self._last_run: dict[tuple[str, int], int] = {}
        self._handled: set[tuple[str, str]] = set()
        self._buried: set[tuple[str, str]] = set()
        self._handled_in: defaultdict[Network, dict[str, float]] = defaultdict(dict)
        self._failed_in: defaultdict[tuple[Network, str], list[float]] = defaultdict(list)
        self._unburied: Counter[tuple[Network, str]] = Counter()
        self._seen: dict[tuple[str, int], tuple[int, ...]] = {}
        self._counted: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._job_runs: Counter[tuple[str, int]] = Counter()
        self._job_failures: Counter[tuple[str, int]] = Counter()

    # Told by handlers

    def begun(self, bot_id: str, number: int) -> int:
        """A handler begins; return how often it has for this message, this time included."""
        self._runs[bot_id, number] += 1
        return self._runs[bot_id, number]

    def handled(self, life: Life, message_id: str, number: int, run: int) -> None:
        """A handler has succeeded."""
        now = self._service.now
        before = self._handled_in[life.network]
        is_remembered = (
            self._limits["remembered_ids"] > len(self.messages)
            and now - before.get(message_id, -KEPT) < KEPT
        )
        if is_remembered:
            self._broken.append(f"message {number} was handled twice in one life")
        before[message_id] = now
        self._handled.add((life.app_id, message_id))
        self.replaying.discard((life.app_id, message_id))
        self._last_run[life.app_id, number] = run
        if kind_of(number) in COUNTING:
            self._counted[life.app_id, self.messages[message_id][1]].add(number)

    def failed(self, life: Life, message_id: str, error: BaseException) -> None:
        """A handler has failed."""
        if _counts(life, error):
            self._failed_in[life.network, message_id].append(self._service.now)

    def cut_short(self, life: Life, after: float) -> None:
        """A handler that would never end was told to, so many seconds after it began."""
        if not life.is_ending and after < life.bot.settings.handler_timeout:
            self._broken.append(f"a handler was cut short after {after:.1f} s")

    def saw(self, life: Life, message_id: str, numbers: tuple[int, ...]) -> None:
        """A handler has seen a state: the numbers of the messages that have counted so far."""
        number, conversation_id = self.messages[message_id]
        counted = self._counted[life.app_id, conversation_id] - {number}
        if number in numbers or len(set(numbers)) < len(numbers):
            self._broken.append(f"{number} found itself in its state: {numbers}")
        if (life.app_id, number) not in self._seen and not counted <= set(numbers):
            self._broken.append(f"{number} found a state in which some are lost: {numbers}")
        first = self._seen.setdefault((life.app_id, number), numbers)
        # One that was given up, in an earlier life perhaps, may see a later state.
        if first != numbers and (life.app_id, message_id) not in self._buried:
            self._broken.append(f"{number} found another state when it came again: {numbers}")

    def job_begun(self, bot_id: str, number: int, *, is_early: bool) -> int:
        """A job begins; return how often it has, this time included."""
        if is_early:
            self._broken.append(f"job {number} ran before its time")
        self._job_runs[bot_id, number] += 1
        return self._job_runs[bot_id, number]

    def job_failed(self, life: Life, number: int, error: BaseException) -> None:
        """A job has failed."""
        self._job_failures[life.app_id, number] += _counts(life, error)

    def may_give_up_job(self, bot_id: str, number: int) -> bool:
        """Tell whether a job has failed so often that no more is to be expected of it."""
        return self._job_failures[bot_id, number] >= self._limits["max_tries"]

    # Told by what stands around them

    def session_changed(self, bot_id: str) -> None:
        """The bot has another key: what it keeps encrypted cannot be read any more."""
        for owner, message_id in self._buried:
            if owner == bot_id and message_id in self.encrypted:
                self._unreadable.add((owner, message_id))
        self.replaying -= self._unreadable

    def replay_asked(self, bot_id: str, message_ids: Iterable[str]) -> None:
        """Dead letters are to be handled again, and what poisoned them is gone."""
        asked = {(bot_id, one) for one in message_ids}
        self.healed |= asked
        self.replaying |= asked - self._unreadable

    def buried(self, life: Life, message_id: str, tries: int) -> None:
        """A dead letter is on disk, after so many tries."""
        failures = self._failed_in[life.network, message_id]
        most = self._limits["max_tries"]
        if not 0 < tries <= len(failures):
            self._broken.append("a try was counted that was none, as in an outage")
        elif tries > most + self._unburied[life.network, message_id]:
            self._broken.append(f"tried {tries} times, and max_tries is {most}")
        elif tries < most:
            again = self._service.now + LONGEST_PAUSE - failures[-tries]
            if again <= life.bot.settings.retry_window:
                self._broken.append(f"given up too early, after {tries} tries")
        self._buried.add((life.app_id, message_id))
        self.replaying.discard((life.app_id, message_id))

    def unburied(self, life: Life, message_id: str) -> None:
        """A dead letter could not be kept: the message is tried again."""
        self._unburied[life.network, message_id] += 1

    def _acknowledged(self, bot_id: str, message_id: str, status: str) -> None:
        taken = self._handled if status == READ else self._handled | self._buried
        taken = taken | self._unreadable
        if (bot_id, message_id) not in taken and message_id not in self.odd:
            self._broken.append(f"acknowledged as {status} without responsibility taken")

    # In the end

    def check_flushed(self) -> None:
        """Raise Broken if something handled is still pending, though all bots have stopped."""
        left = {(bot, one) for bot, every in self._service.pending.items() for one in every}
        if left & self._handled:
            raise Broken("stopped without acknowledging what was handled")

    def check_replies(self, bot: str) -> None:
        """Raise Broken if a message is lost, or its reply is, or took effect twice."""
        for message_id, (number, conversation) in self.messages.items():
            if message_id not in self._service.pending[bot]:  # else it was stopped before
                self._check_reply(bot, message_id, number, conversation)

    def _check_reply(self, bot: str, message_id: str, number: int, conversation: str) -> None:
        texts = self._service.counted(bot, conversation)
        kind = kind_of(number)
        handled = (bot, message_id) in self._handled
        if not handled and (bot, message_id) not in self._buried:
            raise Broken(f"message {number} is lost")
        if kind in ("keyed", "varying"):
            runs = range(1, self._runs[bot, number] + 1)
            took = [run for run in runs for _ in range(texts[f"{number} in run {run}"])]
            if len(took) != len(set(took)) or (kind == "keyed" and len(took) > 1):
                raise Broken(f"the reply to {number} ({kind}) took effect more than once")
            last = self._last_run.get((bot, number))
            if handled and (not took or (kind == "varying" and last not in took)):
                raise Broken(f"the reply to {number} ({kind}) was swallowed")
            return
        if kind in COUNTING:
            most = 1
            count = sum(
                times for text, times in texts.items() if text.startswith(f"{number} after ")
            )
            if (bot, message_id) in self._buried:  # it may see another state in the end
                count = min(count, most)
        else:
            most, count = REPLIES[kind], texts[str(number)]
        if count > most:
            raise Broken(f"the reply to {number} ({kind}) took effect more than once")
        if handled and count < most:
            raise Broken(f"the reply to {number} ({kind}) did not take effect")

    def check_order(self, bot: str, conversation: str) -> None:
        """Raise Broken unless replies are in the order of messages.

        Some are not to be compared: one whose words vary is sent again by a rerun, and one that
        was given up may succeed after all where its acknowledgement was lost.
        """
        buried = {self.messages[one][0] for owner, one in self._buried if owner == bot}
        numbers = [
            int(text.partition(" after ")[0])
            for text in self._service.said.get((bot, conversation), [])
            if text.isdecimal() or " after " in text
        ]
        numbers = [number for number in numbers if number not in buried]
        if numbers != sorted(numbers):
            raise Broken(f"replies took effect out of order: {numbers}")


def _counts(life: Life, error: BaseException) -> bool:
    """Tell whether a failure counts as a try: an outage is not the handler's fault."""
    if life.runtime is None:  # it was left behind when the bot stopped
        return False
    return life.runtime.line.is_open and not isinstance(error, SendTimeout | ConnectionLost)
