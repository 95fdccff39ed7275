"""A survey: three questions, the second one answered by buttons."""

from datetime import timedelta

import msgspec

from blazebot import (
    Bot,
    Button,
    ButtonGroup,
    Callback,
    Message,
    State,
    States,
    Step,
    Text,
)

DRINKS = ("Tea", "Coffee", "Water")

bot = Bot()


class Survey(States, forget_after=timedelta(days=1)):
    name = Step()
    drink = Step()
    cups = Step()


class Answers(msgspec.Struct, frozen=True):
    name: str = ""
    drink: str = ""


class Drink(Callback, tag="drink"):
    name: str


@bot.command("start", "survey")
async def begin(message: Message[Text], state: State) -> None:
    state.clear()
    state.set(Survey.name)
    await message.reply("What is your name?")


@bot.command("cancel")
async def cancel(message: Message[Text], state: State) -> None:
    state.clear()
    await message.reply("Forgotten. /start begins again.")


@bot.on(Text, Survey.name)
async def got_name(message: Message[Text], state: State[Answers]) -> None:
    state.set(Survey.drink, name=message.content.text)
    await message.reply("What do you drink?")
    await message.reply(
        ButtonGroup(tuple(Button(drink, callback=Drink(drink)) for drink in DRINKS))
    )


@bot.on_callback(Drink, Survey.drink)
async def got_drink(message: Message[Text], drink: Drink, state: State[Answers]) -> None:
    state.set(Survey.cups, drink=drink.name)
    await message.reply(f"How many cups of {drink.name.lower()} a day?")


@bot.on_callback(Drink)
async def pressed_late(message: Message[Text]) -> None:
    await message.reply("That question is answered. /start begins again.")


@bot.on(Text, Survey.drink)
async def wrote_drink(message: Message[Text]) -> None:
    await message.reply("Please press a button.")


@bot.regex(r"^\d{1,2}$", Survey.cups)
async def got_cups(message: Message[Text], state: State[Answers]) -> None:
    answers = state.data
    state.clear()
    await message.reply(
        f"Thank you, {answers.name}: {message.content.text} x {answers.drink.lower()}."
    )


@bot.on(Text, Survey.cups)
async def no_number(message: Message[Text]) -> None:
    await message.reply("A number, please.")


@bot.on(Text)
async def lost(message: Message[Text]) -> None:
    await message.reply("/start begins the survey.")


if __name__ == "__main__":
    bot.run()
