"""Talks as the pages show them: ``alice> hello`` and, below, ``bot> hello``."""

from __future__ import annotations

from blazebot.testing.control import Control, People

WITHIN = 20.0
HELLO = "Hello"


class Talk:
    """People who talk with one bot of a sandbox, and what it has answered to each."""

    def __init__(self, control: Control, people: People, bot_id: str) -> None:
        self._control = control
        self._people = people
        self._bot_id = bot_id
        self._ids: dict[str, str] = {}
        self._expected: dict[str, list[str]] = {}
        self._person = ""

    async def play(self, text: str) -> None:
        """Say what people say, and wait for what the bot answers, to the one before."""
        for line in text.splitlines():
            who, _, words = line.partition("> ")
            if who == "bot":
                self._expected[self._person].append(words)
                await self._until_answered()
            else:
                await self._say(who, words)
        for person, texts in self._expected.items():
            assert self._answers(person) == texts

    async def _say(self, who: str, words: str) -> None:
        is_new = who not in self._ids
        if is_new:
            (self._ids[who],) = await self._people.create([who.capitalize()])
            await self._people.watch([self._ids[who]])
            self._expected[self._ids[who]] = []
        self._person = self._ids[who]
        if is_new and words == HELLO:  # the service says it for who adds the bot
            await self._control.add_friend(self._person, self._bot_id)
        else:
            message = {"person_id": self._person, "recipient_id": self._bot_id, "text": words}
            await self._people.send([message])

    async def _until_answered(self) -> None:
        person, texts = self._person, self._expected[self._person]
        await self._people.until(lambda: self._answers(person)[: len(texts)] == texts, WITHIN)

    def _answers(self, person: str) -> list[str]:
        seen = sorted(self._people.seen[person].values(), key=lambda one: int(one["seq"]))
        return [
            one["text"]
            for one in seen
            if one["user_id"] == self._bot_id and one["category"].endswith("_TEXT")
        ]
