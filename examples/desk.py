"""A customer desk: operators take who asks for help, and then both talk through the bot.

OPERATORS are the operators' user ids, with spaces between. /done ends a conversation.
"""

import asyncio
import os

import msgspec

from blazebot import (
    Bot,
    Button,
    ButtonGroup,
    Callback,
    Content,
    F,
    Media,
    Message,
    State,
    States,
    Step,
    Text,
    User,
)

OPERATORS = set(os.environ.get("OPERATORS", "").split())

bot = Bot()
is_operator = F.user_id.in_(OPERATORS)
taking = asyncio.Lock()  # held while an operator takes a customer: two may press at once


class Desk(States):
    talking = Step()


class Talk(msgspec.Struct, frozen=True):
    partner_id: str = ""


class Take(Callback, tag="take"):
    customer_id: str


@bot.on_callback(Take, is_operator)
async def pressed(message: Message[Text], take: Take, state: State[Talk]) -> None:
    if state.step is Desk.talking:
        await message.reply("End your conversation first: /done")
        return
    async with taking, bot.states.of(take.customer_id, Talk) as customer:
        is_free = customer.step is None
        if is_free:
            customer.set(Desk.talking, partner_id=message.user_id)
    if is_free:
        state.set(Desk.talking, partner_id=take.customer_id)
        await bot.send(take.customer_id, "You are talking with an operator. /done ends it.")
        await message.reply("You are talking with the customer. /done ends it.")
    else:
        await message.reply("Somebody else was faster.")


@bot.command("done", Desk.talking)
async def done(message: Message[Text], state: State[Talk]) -> None:
    partner_id = state.data.partner_id
    state.clear()
    async with bot.states.of(partner_id) as partner:
        partner.clear()
    for user_id in (partner_id, message.user_id):
        await bot.send(user_id, "This conversation has ended.")


@bot.on(Text, Media, Desk.talking)
async def pass_on(message: Message[Text | Media], state: State[Talk]) -> None:
    await bot.send(state.data.partner_id, message.content)


@bot.on(Text, ~is_operator)
async def ask(message: Message[Text], user: User) -> None:
    await message.reply("An operator will be with you soon.")
    for operator_id in OPERATORS:
        await bot.send(operator_id, f"{user.full_name}: {message.content.text}")
        await bot.send(operator_id, ButtonGroup((Button("Take", callback=Take(message.user_id)),)))


@bot.fallback
async def not_now(message: Message[Content]) -> None:
    await message.reply("Customers write; operators press Take.")


if __name__ == "__main__":
    bot.run()
