"""The README's bot: it says what it is told."""

from blazebot import Bot, Message, Text

bot = Bot("keystore.json")


@bot.on(Text)
async def echo(message: Message[Text]) -> None:
    await message.reply(message.content.text)


if __name__ == "__main__":
    bot.run()
