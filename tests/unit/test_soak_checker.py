"""The checker of a soak finds each thing that can be wrong, and nothing where all is right."""

from __future__ import annotations

import random
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

import pytest

from blazebot.wire.messages import DELIVERED, READ, SENT
from soak.checker import FORGOTTEN, OVERTAKEN, Checker, Conversation, QuestionIds, Seen, answer_text
from soak.logs import unforeseen
from soak.plan import Calm, FaultKind, FaultStep, excused_by, fault_steps, interruptions
from soak.report import LONG, Report
from soak.writing import varied
from tests.contents import EXAMPLES

BOT, SYSTEM, ALICE, BOB = "bot", "system", "alice", "bob"
CHAT, GROUP = Conversation(0, "chat", (ALICE,)), Conversation(1, "group", (ALICE, BOB))
IDS = QuestionIds(7)


class Talk:
    """What a checker is shown, message by message."""

    def __init__(self) -> None:
        self.checker = Checker(BOT, SYSTEM, IDS)
        self.checker.add(CHAT)
        self.checker.add(GROUP)
        self._numbers = {CHAT: 0, GROUP: 0}
        self._seq = 0

    def write(self, where: Conversation = CHAT, person: str = ALICE, **known: Any) -> str:
        message_id = IDS.make(where.number, self._numbers[where])
        self._numbers[where] += 1
        self.checker.wrote(person, where, message_id, **known)
        return message_id

    def see(self, message_id: str, status: str, **fields: Any) -> None:
        shown: dict[str, Any] = {"viewer": ALICE, "where": CHAT, "sender": ALICE, "text": "hi"}
        shown |= fields
        self._seq += 1
        message = Seen(
            message_id=message_id,
            conversation_id=shown["where"].conversation_id,
            user_id=shown["sender"],
            category="PLAIN_TEXT",
            status=status,
            seq=shown.get("seq", self._seq),
            text=shown["text"],
        )
        self.checker.see(shown["viewer"], message)

    def answer(self, question_id: str, *, digest: str = "", count: int = 0, **fields: Any) -> None:
        text = answer_text(question_id, digest, count)
        shown = {"sender": BOT, "text": text, **fields}
        self.see(f"answer {self._seq}", DELIVERED, **shown)

    def ask(self, **known: Any) -> str:
        """Write a message that is seen as sent."""
        message_id = self.write(**known)
        self.see(message_id, SENT)
        return message_id

    def failures(self) -> dict[str, int]:
        return self.checker.finish().failures


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_what_is_right_is_found_right_whenever_it_is_seen(talk: Talk) -> None:
    first, second = talk.ask(digest="d", encrypted=True), talk.ask()
    assert talk.checker.encrypted_open == 1
    talk.answer(first, digest="d")
    assert talk.checker.encrypted_open == 1
    talk.see(first, READ, seq=1)
    assert talk.checker.encrypted_open == 0
    talk.see(second, READ, seq=2)
    talk.answer(second)
    hello = "id-of-the-service"
    talk.answer(hello)  # it was read before anybody looked, so that it is seen later
    talk.see(hello, READ)
    assert talk.checker.open == 0
    assert talk.checker.settled["chat"] == second
    for message_id in (first, second, hello):  # a recall shows it again
        talk.see(message_id, READ)
    assert talk.failures() == {}
    assert talk.checker.counts.answered == 3


def test_every_person_of_a_group_is_to_see_the_answer(talk: Talk) -> None:
    asked = talk.write(GROUP)
    for viewer, status in ((ALICE, SENT), (BOB, DELIVERED), (ALICE, READ)):
        talk.see(asked, status, viewer=viewer, where=GROUP, seq=1)
    talk.answer(asked, where=GROUP)
    assert talk.checker.open == 1
    assert talk.failures() == {"lost": 1}
    talk.answer(asked, where=GROUP, viewer=BOB)
    assert talk.checker.open == 0


def test_a_second_answer_is_found_before_its_question_is_seen(talk: Talk) -> None:
    hello = "id-of-the-service"
    for seq in (8, 8, 9):  # once more because its status changed, and another one
        talk.answer(hello, seq=seq)
    talk.see(hello, READ)
    assert talk.failures() == {"duplicated": 1}


def test_an_answer_seen_again_is_no_second_one(talk: Talk) -> None:
    asked = talk.ask()
    for _ in range(2):
        talk.answer(asked, seq=9)
    talk.see(asked, READ)
    talk.answer(asked, seq=9)
    assert talk.failures() == {}
    talk.answer(asked, seq=10)
    assert talk.failures() == {"duplicated": 1}


def test_lost_and_unread(talk: Talk) -> None:
    talk.ask()
    talk.answer(talk.write())  # the service has not shown the message itself
    talk.answer(talk.ask())
    assert talk.failures() == {"lost": 2, "unread": 1}


@pytest.mark.parametrize("late_first", [True, False])
@pytest.mark.parametrize("damaged", [True, False])
def test_out_of_order(talk: Talk, *, late_first: bool, damaged: bool) -> None:
    early, late = talk.ask(), talk.ask()
    if damaged:
        talk.checker.excuse(OVERTAKEN, begins=True)
        talk.checker.excuse(OVERTAKEN, begins=False)
    talk.answer(late, seq=10)
    talk.answer(early, seq=11)
    for message_id in (late, early) if late_first else (early, late):
        talk.see(message_id, READ, seq=1 if message_id is early else 2)
    assert talk.failures() == ({} if damaged else {"out_of_order": 1})
    assert talk.checker.counts.overtaken == damaged


def test_only_what_may_have_been_damaged_is_overtaken(talk: Talk) -> None:
    talk.checker.excuse(OVERTAKEN, begins=True)
    talk.checker.excuse(OVERTAKEN, begins=False)
    early, late = talk.ask(), talk.ask()
    for message_id in (late, early):
        talk.answer(message_id)
        talk.see(message_id, READ, seq=1 if message_id is early else 2)
    assert talk.failures() == {"out_of_order": 1}


def test_only_what_may_have_been_forgotten_may_stay_delivered(talk: Talk) -> None:
    asked = talk.ask()
    talk.checker.excuse(FORGOTTEN, begins=True)
    talk.checker.excuse(FORGOTTEN, begins=False)
    for message_id, status in ((asked, DELIVERED), (talk.ask(), DELIVERED), (talk.ask(), SENT)):
        talk.answer(message_id)
        talk.see(message_id, status)
    assert talk.failures() == {"unread": 2}
    assert talk.checker.counts.forgotten == 1


def test_each_message_is_overtaken_once(talk: Talk) -> None:
    early, *later = [talk.ask() for _ in range(3)]
    talk.checker.excuse(OVERTAKEN, begins=True)
    for place, message_id in enumerate((*later, early)):
        talk.answer(message_id, seq=10 + place)
    for message_id in (early, *later):
        talk.see(message_id, READ, seq=1 if message_id is early else 2)
    assert talk.failures() == {}
    assert talk.checker.counts.overtaken == 1


def test_what_has_no_answer_while_nothing_is_broken_is_stuck(talk: Talk) -> None:
    old, answered = talk.ask(), talk.ask()
    until = talk.checker.asked
    new = talk.ask()
    talk.answer(answered)
    assert talk.checker.unanswered(until) == [old]
    talk.checker.note_stuck(until)
    for message_id in (old, new):
        talk.answer(message_id)
    for message_id in (old, answered, new):
        talk.see(message_id, READ)
    assert talk.failures() == {"stuck": 1, "out_of_order": 1}


def test_misdelivered(talk: Talk) -> None:
    talk.see("x", SENT, viewer=BOB)  # Alice's conversation
    talk.see("x", SENT, sender="mallory")
    asked = talk.ask()
    talk.answer(asked, where=GROUP)
    assert talk.failures() == {"misdelivered": 3, "lost": 1}


def test_what_answers_nothing_is_strange(talk: Talk) -> None:
    talk.see("x", DELIVERED, sender=BOT, text="hello")
    talk.see("x", DELIVERED, sender=BOT, text=None)  # it could not be decrypted
    talk.answer(IDS.make(CHAT.number, 5))
    talk.answer("never-seen")
    assert talk.failures() == {"strange": 4}


def test_altered_and_miscounted(talk: Talk) -> None:
    for digest, count in (("d", 1), ("other", 2), ("d", 2), ("d", 3)):
        asked = talk.ask(digest="d", counted=True)
        talk.answer(asked, digest=digest, count=count)
        talk.see(asked, READ)
    assert talk.failures() == {"altered": 1, "miscounted": 1}


def test_answers_to_each_others_contents_are_altered(talk: Talk) -> None:
    first, second = talk.ask(digest="one"), talk.ask(digest="other")
    talk.answer(first, digest="other")
    talk.answer(second, digest="one")
    for message_id in (first, second):
        talk.see(message_id, READ)
    assert talk.failures() == {"altered": 2}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_no_two_messages_have_the_same_content(kind: type[Any]) -> None:
    chance = random.Random(1)
    one, other = (varied(EXAMPLES[kind], chance) for _ in range(2))
    assert type(one) is type(other) is kind
    assert one.encode("id") != other.encode("id")


def test_statuses_go_forward_also_of_what_is_settled(talk: Talk) -> None:
    asked = talk.write()
    talk.see(asked, DELIVERED)
    talk.see(asked, SENT)
    talk.answer(asked)
    talk.see(asked, READ)
    talk.see(asked, DELIVERED)
    assert talk.failures() == {"backward_statuses": 2}


def test_ids_say_their_conversation_and_number() -> None:
    for pair in ((0, 0), (539, 1_234_567), (65_535, 16_777_215)):
        assert IDS.read(IDS.make(*pair)) == pair
    assert QuestionIds(8).read(IDS.make(0, 0)) is None
    with pytest.raises(ValueError, match="beyond"):
        IDS.make(0, 2**24)


KINDS = [
    FaultKind("drop", ("line",), None, None),
    FaultKind("clock_off", ("token",), 600.0, None),
    FaultKind("error", ("request", "call"), None, 500),
    FaultKind("corrupt", ("push", "answer"), None, None),
    FaultKind("one that is new", ("request",), 1.0, None),
]


def test_a_plan_is_its_seed_and_leaves_nothing_out() -> None:
    def plan(seed: int) -> tuple[list[FaultStep], list[Any]]:
        faults = fault_steps(random.Random(seed), KINDS, 1.0)
        others = interruptions(random.Random(seed), ["bot", "sandbox"], 1.0, disk=True)
        return list(islice(faults, len(KINDS))), list(islice(others, 10))

    assert plan(1) == plan(1) != plan(2)
    faults, others = plan(1)
    assert {one.kind for one in faults} == {one.kind for one in KINDS}
    assert len({str(one) for one in others}) == 10
    assert isinstance(others[-1], Calm)


def test_a_fault_strikes_at_each_place_by_itself() -> None:
    kinds = [
        FaultKind("unauthorized", ("line", "handshake", "call"), None, None),
        FaultKind("corrupt", ("push", "answer"), None, None),
        FaultKind("slow", ("request", "call", "handshake"), 2.0, None),
    ]
    steps = {one.name: one for one in islice(fault_steps(random.Random(1), kinds, 1.0), 8)}
    assert len(steps) == 8
    names = {name: step.fields["only"] for name, step in steps.items()}
    occasions = {"line", "handshake", "answer", "GET /users/:id", "CREATE_MESSAGE", "PLAIN_TEXT"}
    struck = {
        name: {one for one in occasions if fnmatchcase(one, only)} for name, only in names.items()
    }
    assert struck["unauthorized line"] == {"line"}
    assert struck["unauthorized handshake"] == {"handshake"}
    assert struck["unauthorized call"] == struck["slow call"] == {"GET /users/:id"}
    assert struck["slow request"] == struck["corrupt push"] == {"CREATE_MESSAGE", "PLAIN_TEXT"}
    assert struck["corrupt answer"] == {"answer"}
    assert [name for name, one in steps.items() if excused_by(one)] == ["corrupt push"]
    assert {name for name, one in steps.items() if one.needs_new_line} == {
        "unauthorized handshake",
        "slow handshake",
    }


def test_what_nobody_has_foreseen_is_found_in_a_log() -> None:
    log = """
12:00 WARNING handler failed for message 1
Traceback (most recent call last):
  File "bot.py", line 1, in say
OSError: No space left on device

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "bot.py", line 2, in say
blazebot.errors.StateError: disk full
12:01 WARNING handler failed for message 2
Traceback (most recent call last):
  File "bot.py", line 3, in say
KeyError: 'x'
12:02 ERROR a frame could not be taken in an unforeseen way
Traceback (most recent call last):
  File "bot.py", line 4, in say
blazebot.errors.StateError: disk full
  + Exception Group Traceback (most recent call last):
  |   File "bot.py", line 5, in run
ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
"""
    found = list(unforeseen(log.splitlines()))
    assert [one.partition(":")[0] for one in found] == ["KeyError", "12", "ExceptionGroup"]


def test_a_long_run_has_to_show_everything() -> None:
    checker = Checker(BOT, SYSTEM, IDS)
    checker.counts.messages, checker.counts.encrypted = 30_000, 9_000
    found: dict[str, Any] = {
        "seed": 1,
        "engine": "process",
        "versions": {},
        "least_rate": 100.0,
        "least_burst_rate": 1667.0,
        "encrypted": 0.3,
        "bursts": 1,
        "burst_rate": 3000.0,
        "faults": {"drop": 1},
        "excused": {},
        "kills": {"bot": {"SIGKILL": 1}},
        "amid_work": 1,
        "disk_filled": 0,
        "time_moved": 1,
        "sessions_renewed": 1,
        "ends": {},
        "alarms": 0,
        "unforeseen": [],
        "calms": [],
        "settled_in": 1.0,
        "counts": checker.counts,
        "skipped": ["disk"],
    }
    assert Report(seconds=LONG, **found).reasons == []
    lacking = {
        "faults": {"drop": 0},
        "kills": {"bot": {"SIGKILL": 0}},
        "skipped": [],
        "burst_rate": 1000.0,
    }
    assert Report(seconds=LONG / 2, **found | lacking).reasons == []
    reasons = Report(seconds=LONG, **found | lacking | {"least_rate": 101.0}).reasons
    assert reasons == [
        "only 100 messages a second",
        "only 1000 texts a second in a burst",
        "drop never struck",
        "no SIGKILL to bot",
        "disk never broken",
    ]
    checker.counts.overtaken, checker.counts.forgotten = 3, 200
    excused = {"excused": {OVERTAKEN: 3, FORGOTTEN: 2}}
    assert Report(seconds=LONG, **found | excused).reasons == []
    excused = {"excused": {OVERTAKEN: 2, FORGOTTEN: 1}}
    ended = {"unforeseen": ["bot ended by itself"]}
    assert Report(seconds=LONG, **found | excused | ended).reasons == [
        "unforeseen: bot ended by itself",
        "overtaken: 3, and only 2 can be the service's doing",
        "forgotten: 200, and only 100 can be the service's doing",
    ]
    checker.counts.overtaken = checker.counts.forgotten = 0
    checker.counts.lost = 1
    assert Report(seconds=1, **found | {"encrypted": 0.1}).reasons == [
        "lost: 1",
        "only 10% encrypted",
    ]
