"""What must hold of everything that people see, judged as they see it. Pure: no I/O, no clock.

A **question** is a message to the bot, an **answer** what the bot says of it: :func:`answer_text`.
Each message of a conversation is to be answered once in the view of each person in it. A question
that is answered, seen and read is forgotten but for eight bytes, so that a second answer is noticed
however late it comes.
"""

from __future__ import annotations

from array import array
from bisect import bisect
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from blazebot.wire.messages import STATUS_RANK

__all__ = [
    "FORGOTTEN",
    "OVERTAKEN",
    "Checker",
    "Conversation",
    "Counts",
    "QuestionIds",
    "Seen",
    "answer_text",
    "digest_of",
]

READ: Final = STATUS_RANK["READ"]
DELIVERED: Final = STATUS_RANK["DELIVERED"]

OVERTAKEN: Final = "overtaken"
FORGOTTEN: Final = "forgotten"
"""What may be excused while a fault that brings it about is on."""

_ORDER_KEPT: Final = 64  # answers of a view that those which settle late are compared with
_FINDINGS_KEPT: Final = 100


def digest_of(category: str, content: bytes) -> str:
    """Return what an answer says of the content that it answers."""
    return sha256(category.encode() + b"|" + content).hexdigest()[:16]


def answer_text(question_id: str, digest: str, count: int) -> str:
    """Return the bot's answer; ``count`` is a number that its state says, 0 where it has none."""
    return f"{question_id} {digest} {count}"


class Seen(msgspec.Struct, gc=False):
    """A message as one person sees it: of the sandbox's snapshot, what is judged."""

    message_id: str
    conversation_id: str
    user_id: str
    category: str
    status: str
    seq: int
    text: str | None = None


class Conversation(NamedTuple):
    """Who is in a conversation with the bot; ``number`` is its own in this run."""

    number: int
    conversation_id: str
    people: tuple[str, ...]


class QuestionIds:
    """Message ids that say which conversation they are of, and their number in it."""

    def __init__(self, run: int) -> None:
        self._head = f"{run & 0xFFFFFFFF:08x}"
        self._tail = "-50a550a550a5"

    def make(self, conversation: int, number: int) -> str:
        """Return the id of a conversation's message; raises ValueError beyond 16 million."""
        digits = f"{number:06x}"
        if len(digits) > 6:
            raise ValueError(f"{number} is beyond what an id holds")
        return f"{self._head}-{conversation:04x}-4{digits[:3]}-8{digits[3:]}{self._tail}"

    def read(self, message_id: str) -> tuple[int, int] | None:
        """Return the conversation's number and its own; None if it is not of this run."""
        if not (message_id.startswith(self._head) and message_id.endswith(self._tail)):
            return None
        return int(message_id[9:13], 16), int(message_id[15:18] + message_id[20:23], 16)


class Counts(msgspec.Struct):
    """What was found; all but the first three are to be 0 in the end.

    ``messages`` were written by people, ``encrypted`` of them encrypted; ``answered`` also counts
    what the service itself said. In views of people: ``lost`` were never answered, ``duplicated``
    are answers beyond the first, ``out_of_order`` answers that came before that to an earlier
    message, ``misdelivered`` messages of a conversation that is not theirs, or answers to one of
    another, ``altered`` answers to another content than was written, ``miscounted`` answers whose
    count, kept in the bot's state, did not go up by one, ``strange`` messages of the bot that
    answer nothing, ``backward_statuses`` statuses that went back, ``unread`` messages that were
    answered and are not READ, ``stuck`` those that were not answered for long while nothing was
    broken.

    Two are no faults of the bot, and count only what was open while the service did that to it.
    ``overtaken`` are messages out of order: a push was damaged on its way, so that no client can
    know whose message it was, and it came again after later ones. ``forgotten`` are answered and
    DELIVERED, not READ: the service had said yes to that and not done it, and pushes no more what
    is DELIVERED. How many there may be is for the report to judge.
    """

    messages: int = 0
    encrypted: int = 0
    answered: int = 0
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    misdelivered: int = 0
    altered: int = 0
    miscounted: int = 0
    strange: int = 0
    backward_statuses: int = 0
    unread: int = 0
    stuck: int = 0
    overtaken: int = 0
    forgotten: int = 0

    @property
    def failures(self) -> dict[str, int]:
        """What should be 0 and is not."""
        named = msgspec.structs.asdict(self)
        allowed = ("messages", "encrypted", "answered", OVERTAKEN, FORGOTTEN)
        return {name: count for name, count in named.items() if count and name not in allowed}


class _Question(msgspec.Struct, gc=False):
    """A question that is not settled in one person's view; positions are 0 until it is seen."""

    own: bool
    number: int = 0
    digest: str = ""
    encrypted: bool = False
    excuses: frozenset[str] = frozenset()
    counted: bool = False
    seq: int = 0
    rank: int = 0
    answer_seq: int = 0

    @property
    def is_settled(self) -> bool:
        return bool(self.seq and self.answer_seq) and (self.rank == READ or not self.own)


class _View:
    """One conversation as one person sees it."""

    __slots__ = ("answers", "conversation", "count", "early", "open", "order", "others", "person")

    def __init__(self, person: str, conversation: Conversation) -> None:
        self.person = person
        self.conversation = conversation
        self.open: dict[str, _Question] = {}
        self.answers = array("q")  # positions of answers by the number of the question
        self.others: dict[str, int] = {}  # the same by id, for what has no number
        self.early: dict[str, Seen] = {}  # answers to what has not been seen yet
        # Positions of answers and of their questions, whether being late is excused, and the ids.
        self.order: list[tuple[int, int, bool, str]] = []
        self.count = 0


class Checker:
    """Judges what people see of a bot, event by event, in bounded memory."""

    def __init__(self, bot_id: str, system_id: str, ids: QuestionIds) -> None:
        self._bot_id = bot_id
        self._system_id = system_id
        self._ids = ids
        self._views: dict[tuple[str, str], _View] = {}
        self._excuses: frozenset[str] = frozenset()
        self._overtaken: set[str] = set()
        self.counts = Counts()
        self.asked = 0
        """Questions so far, in all views: each has the next number."""
        self.open = 0
        """Questions that are not settled, in all views."""
        self.encrypted_open = 0
        """Of these, those that are encrypted, in the view of who wrote them."""
        self.settled: dict[str, str] = {}
        """The last question of each conversation that its author saw answered and read."""
        self.findings: list[str] = []
        """What was wrong, in words; the first of it."""

    # What is known before it is seen

    def add(self, conversation: Conversation) -> None:
        """Let a conversation exist."""
        for person in conversation.people:
            self._views[person, conversation.conversation_id] = _View(person, conversation)

    def wrote(
        self,
        person: str,
        conversation: Conversation,
        message_id: str,
        *,
        digest: str = "",
        encrypted: bool = False,
        counted: bool = False,
    ) -> None:
        """Note that a person is about to write: from now on an answer is owed to all who see it.

        ``counted``: the answer is to have the count of the bot's state.
        """
        self.counts.messages += 1
        self.counts.encrypted += encrypted
        self.encrypted_open += encrypted
        for viewer in conversation.people:
            own = viewer == person
            self._ask(
                self._views[viewer, conversation.conversation_id],
                message_id,
                _Question(
                    own,
                    digest=digest,
                    encrypted=encrypted and own,
                    excuses=self._excuses,
                    counted=counted,
                ),
            )

    def excuse(self, what: str, *, begins: bool) -> None:
        """Note that the service brings about from now on what is excused, or no longer."""
        if not begins:
            self._excuses -= {what}
            return
        self._excuses |= {what}
        for view in self._views.values():
            for question in view.open.values():
                question.excuses |= {what}

    def unanswered(self, until: int) -> list[str]:
        """Return the ids of those of the first ``until`` questions that have no answer."""
        found = []
        for view in self._views.values():
            for message_id, question in view.open.items():
                if question.number > until:
                    break
                if not question.answer_seq:
                    found.append(message_id)
        return found

    def note_stuck(self, until: int) -> None:
        """Note those of the first ``until`` questions that have no answer, though they should."""
        for message_id in self.unanswered(until):
            self._note("stuck", f"{message_id} has no answer though nothing is broken")

    # What is seen

    def see(self, person: str, message: Seen) -> None:
        """Judge a message as a person sees it now."""
        view = self._views.get((person, message.conversation_id))
        if view is None:
            self._find("misdelivered", person, message, "is of no conversation of theirs")
        elif message.user_id == self._bot_id:
            self._see_answer(view, message)
        elif message.user_id == self._system_id or message.user_id in view.conversation.people:
            self._see_question(view, message)
        else:
            self._find("misdelivered", person, message, "is from somebody who is not here")

    def _see_question(self, view: _View, message: Seen) -> None:
        message_id, rank = message.message_id, STATUS_RANK[message.status]
        question = view.open.get(message_id)
        own = message.user_id == view.person
        if question is None:
            if self._answer_of(view, message_id):
                if own and rank != READ:
                    self._find("backward_statuses", view.person, message, "was READ")
                return
            question = _Question(own, excuses=self._excuses)
            self._ask(view, message_id, question)
        question.seq = message.seq
        if rank < question.rank:
            self._find("backward_statuses", view.person, message, f"had rank {question.rank}")
        question.rank = rank
        early = view.early.pop(message_id, None)
        if early is not None:
            self._see_answer(view, early)
        elif question.is_settled:
            self._settle(view, message_id, question)

    def _see_answer(self, view: _View, message: Seen) -> None:
        words = (message.text or "").split(" ")
        if len(words) != 3:
            self._find("strange", view.person, message, "is no answer")
            return
        question_id, digest, count = words
        known = self._ids.read(question_id)
        if known is not None and known[0] != view.conversation.number:
            self._find("misdelivered", view.person, message, "answers one of elsewhere")
            return
        question = view.open.get(question_id)
        answered = question.answer_seq if question else self._answer_of(view, question_id)
        if answered:
            if answered != message.seq:  # else it is seen again, because its status changed
                self._find("duplicated", view.person, message, "answers what was answered")
        elif question is None and known is not None:
            self._find("strange", view.person, message, "answers what nobody wrote")
        elif question is None:
            if view.early.setdefault(question_id, message).seq != message.seq:
                self._find("duplicated", view.person, message, "answers what was answered")
        else:
            self._judge(view, question, message, digest, int(count))
            if question.is_settled:
                self._settle(view, question_id, question)

    def _judge(
        self, view: _View, question: _Question, message: Seen, digest: str, count: int
    ) -> None:
        question.answer_seq = message.seq
        self.counts.answered += question.own
        if question.digest and question.digest != digest:
            self._find("altered", view.person, message, "answers another content")
        if question.counted:
            view.count += 1
            if count != view.count:
                self._find("miscounted", view.person, message, f"should count {view.count}")
                view.count = count

    # What becomes of it

    def _ask(self, view: _View, message_id: str, question: _Question) -> None:
        view.open[message_id] = question
        self.open += 1
        self.asked += 1
        question.number = self.asked

    def _settle(self, view: _View, message_id: str, question: _Question) -> None:
        del view.open[message_id]
        self.open -= 1
        self.encrypted_open -= question.encrypted
        self._check_order(view, message_id, question)
        known = self._ids.read(message_id)
        if known is None:
            view.others[message_id] = question.answer_seq
            return
        number = known[1]
        if number >= len(view.answers):
            view.answers.extend([0] * (number + 1 - len(view.answers)))
        view.answers[number] = question.answer_seq
        if question.own:
            self.settled[view.conversation.conversation_id] = message_id

    def _check_order(self, view: _View, message_id: str, question: _Question) -> None:
        order = view.order
        this = (question.answer_seq, question.seq, OVERTAKEN in question.excuses, message_id)
        place = bisect(order, this)
        if place and order[place - 1][1] > question.seq:
            self._note_late(message_id, excused=this[2])
        elif place < len(order) and order[place][1] < question.seq:
            self._note_late(order[place][3], excused=order[place][2])
        order.insert(place, this)
        if len(order) > _ORDER_KEPT:
            del order[0]

    def _note_late(self, which: str, *, excused: bool) -> None:
        if excused:
            self._overtaken.add(which)
            self.counts.overtaken = len(self._overtaken)
        else:
            self._note("out_of_order", f"{which} was answered after a later one")

    def _answer_of(self, view: _View, message_id: str) -> int:
        """Return the position of the answer to a question that is settled, 0 if it is not."""
        known = self._ids.read(message_id)
        if known is None:
            return view.others.get(message_id, 0)
        number = known[1]
        return view.answers[number] if number < len(view.answers) else 0

    def finish(self) -> Counts:
        """Return the counts, with what is still open as what it has become."""
        for view in self._views.values():
            for message_id, question in view.open.items():
                if not question.answer_seq:
                    self._note("lost", f"{message_id} has no answer in the view of {view.person}")
                elif not question.seq:
                    self._note("lost", f"{message_id} is not in the view of {view.person}")
                elif FORGOTTEN in question.excuses and question.rank == DELIVERED:
                    self.counts.forgotten += 1
                else:
                    self._note("unread", f"{message_id} is answered and not read")
            for question_id in view.early:
                self._note("strange", f"{question_id} is answered in the view of {view.person}")
        return self.counts

    def _find(self, name: str, person: str, message: Seen, words: str) -> None:
        self._note(
            name, f"{message.message_id} ({message.status}, {message.text!r}) to {person} {words}"
        )

    def _note(self, name: str, words: str) -> None:
        setattr(self.counts, name, getattr(self.counts, name) + 1)
        if len(self.findings) < _FINDINGS_KEPT:
            self.findings.append(f"{name}: {words}")
