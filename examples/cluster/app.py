"""An echo bot, for gateways and workers: ``blazebot worker app:bot``."""

from blazebot import Bot, Message, Text

bot = Bot()


@bot.on(Text)
async def echo(message: Message[Text]) -> None:
    await message.reply(message.content.text)
