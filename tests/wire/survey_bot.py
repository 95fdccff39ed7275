"""A bot with a survey: SERVER KEYSTORE DATA_DIR, and `newest` to see what happens without versions.

With that word a message that comes again sees the state as it is by then.
"""

from __future__ import annotations

import sys

import msgspec

from blazebot import Bot, Message, Router, State, States, Step, Text, at_step
from blazebot.bot.states.history import History

QUESTIONS = ("What is your name?", "How old are you?", "Where do you live?", "Any pets?")


class Answers(msgspec.Struct, frozen=True):
    name: str = ""
    age: int = 0
    city: str = ""
    pets: str = ""


class Survey(States):
    name = Step()
    age = Step()
    city = Step()
    pets = Step()


router = Router("survey")


@router.on(Text, ~at_step())
async def begin(message: Message[Text], state: State) -> None:
    state.set(Survey.name)
    await message.reply(QUESTIONS[0])


@router.on(Text, Survey.name)
async def got_name(message: Message[Text], state: State[Answers]) -> None:
    state.set(Survey.age, name=message.content.text)
    await message.reply(QUESTIONS[1])


@router.on(Text, Survey.age)
async def got_age(message: Message[Text], state: State[Answers]) -> None:
    if not message.content.text.isdecimal():
        await message.reply("A number, please.")
        return
    state.set(Survey.city, age=int(message.content.text))
    await message.reply(QUESTIONS[2])


@router.on(Text, Survey.city)
async def got_city(message: Message[Text], state: State[Answers]) -> None:
    state.set(Survey.pets, city=message.content.text)
    await message.reply(QUESTIONS[3])


@router.on(Text, Survey.pets)
async def got_pets(message: Message[Text], state: State[Answers]) -> None:
    answers = state.data
    state.clear()
    pets = message.content.text
    await message.reply(f"{answers.name}, {answers.age}, of {answers.city}, has {pets}")


def main(server: str, keystore: str, data_dir: str, newest: str = "") -> None:
    if newest:
        History.seen_by = lambda self, message_id: self.newest  # type: ignore[method-assign]
    bot = Bot(keystore, server=server, data_dir=data_dir)
    bot.include(router)
    bot.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
