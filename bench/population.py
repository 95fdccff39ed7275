"""A sandbox's database with many bots, people and messages in it, written without the sandbox."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from blazebot.keys.issue import Issued, issue_keystore
from blazebot.keys.keystore import Keystore
from blazebot.sandbox.storage.database import Database
from blazebot.sandbox.storage.tables import MIGRATIONS
from blazebot.wire.ids import contact_conversation_id

PEOPLE_FOR_EACH_BOT: Final = 10

PENDING_MOST: Final = 1_000
"""Messages that a bot has not acknowledged, where it has any; fewer where there are few."""

BOTS_WITH_PENDING: Final = 10
"""Of so many bots one has pending messages: half of all messages at most."""

_SECOND: Final = 10**9
_WEEK: Final = 7 * 24 * 3600 * _SECOND


@dataclass(frozen=True)
class Population:
    """Who is in the database. The busy person knows all bots; the others know a few.

    ``long_conversation`` is the busy person's with the first bot, in which a tenth of all messages
    are.
    """

    bots: Sequence[Keystore]
    people: Sequence[str]
    busy_person: str
    long_conversation: str
    pending: int

    @property
    def bots_with_pending(self) -> Sequence[Keystore]:
        """Bots that have ``pending`` messages each."""
        return self.bots[1::BOTS_WITH_PENDING]


def populate(path: Path, *, bots: int, messages: int) -> Population:
    """Write a database file with so many bots and messages."""
    Database(str(path), sync="normal", migrations=MIGRATIONS).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = off")
        connection.execute("PRAGMA cache_size = -262144")
        connection.execute("BEGIN")
        population = _Writer(connection).write(bots, messages)
        connection.execute("COMMIT")
    return population


class _Writer:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._numbers = count(1)
        self._positions = count(1)
        self._now = time.time_ns()

    def write(self, bots: int, messages: int) -> Population:
        issued = [issue_keystore("app", str(uuid4()), str(uuid4())) for _ in range(bots)]
        keystores = [Keystore.load(one.document) for one in issued]
        busy, *people = [str(uuid4()) for _ in range(bots // 3 + 1)]
        self._add_users("bot", [one.app_id for one in keystores])
        self._add_users("person", [busy, *people])
        self._add_sessions(keystores, issued)
        friends = [
            (bot.app_id, people[(number * PEOPLE_FOR_EACH_BOT + place) % len(people)])
            for number, bot in enumerate(keystores)
            for place in range(PEOPLE_FOR_EACH_BOT)
        ]
        contacts = [(bot.app_id, busy) for bot in keystores] + friends
        self._add_contacts(contacts)
        long_conversation = contact_conversation_id(busy, keystores[0].app_id)
        waiting = min(PENDING_MOST, messages // 2 * BOTS_WITH_PENDING // bots)
        population = Population(keystores, people, busy, long_conversation, waiting)
        friend = dict(reversed(friends))
        pending = [
            (bot.app_id, friend[bot.app_id])
            for bot in population.bots_with_pending
            for _ in range(waiting)
        ]
        long = messages // 10
        rest = messages - len(pending) - long
        self._add_messages((contacts[0] for _ in range(long)), is_pending=False)
        self._add_messages((contacts[n % len(contacts)] for n in range(rest)), is_pending=False)
        self._add_messages(pending, is_pending=True)
        return population

    def _add_users(self, kind: str, user_ids: Sequence[str]) -> None:
        self._insert(
            "users",
            (
                {
                    "number": number,
                    "user_id": user_id,
                    "kind": kind,
                    "full_name": f"{kind} {number}",
                    "identity_number": str(7_000_000 + number),
                    "created_at": self._now,
                    "code_id": str(uuid4()),
                }
                for user_id, number in zip(user_ids, self._numbers, strict=False)
            ),
        )

    def _add_sessions(self, bots: Sequence[Keystore], issued: Sequence[Issued]) -> None:
        self._insert(
            "sessions",
            (
                {
                    "session_id": bot.session_id,
                    "user_id": bot.app_id,
                    "public_key": one.public_key.public_bytes(
                        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
                    ),
                    "curve_public_key": one.curve_public_key,
                    "created_at": self._now,
                }
                for bot, one in zip(bots, issued, strict=True)
            ),
        )

    def _add_contacts(self, pairs: Sequence[tuple[str, str]]) -> None:
        conversations = {contact_conversation_id(*pair): pair for pair in pairs}
        self._insert(
            "conversations",
            (
                {
                    "conversation_id": conversation_id,
                    "category": "CONTACT",
                    "creator_id": person_id,
                    "name": "",
                    "announcement": "",
                    "created_at": self._now,
                    "code_id": str(uuid4()),
                }
                for conversation_id, (_, person_id) in conversations.items()
            ),
        )
        self._insert(
            "participants",
            (
                {
                    "conversation_id": conversation_id,
                    "user_id": user_id,
                    "role": "",
                    "joined": 0,
                    "created_at": self._now,
                }
                for conversation_id, pair in conversations.items()
                for user_id in pair
            ),
        )

    def _add_messages(self, pairs: Iterable[tuple[str, str]], *, is_pending: bool) -> None:
        """Add messages between bots and people: from either in turn, or waiting for the bot."""
        deliveries: list[dict[str, Any]] = []

        def rows() -> Iterator[dict[str, Any]]:
            for (bot_id, person_id), position in zip(pairs, self._positions, strict=False):
                from_bot = not is_pending and position % 2 == 0
                if is_pending:
                    delivery = {"user_id": bot_id, "status": 0, "seq": position}
                    deliveries.append(delivery | {"expires_at": self._now + _WEEK})
                yield {
                    "seq": position,
                    "message_id": str(uuid4()),
                    "conversation_id": contact_conversation_id(bot_id, person_id),
                    "user_id": bot_id if from_bot else person_id,
                    "session_id": "",
                    "category": "PLAIN_TEXT",
                    "data": b"%07d good morning to all of them" % position,
                    "quote_message_id": "",
                    "representative_id": "",
                    "silent": 0,
                    "expire_in": 0,
                    "created_at": self._now,
                    "updated_at": self._now + position,
                    "status": 0 if is_pending else 2,
                    "changed": position,
                    "from_bot": int(from_bot),
                }

        self._insert("messages", rows())
        self._insert("deliveries", deliveries)

    def _insert(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        rows = iter(rows)
        first = next(rows, None)
        if first is None:
            return
        names = ", ".join(first)
        values = ", ".join(f":{name}" for name in first)
        statement = f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608
        self._connection.execute(statement, first)
        self._connection.executemany(statement, rows)
