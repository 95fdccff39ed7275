"""A group of any size: what a member writes, the bot passes on to all others.

Each talks with the bot alone: /join, /leave. Who takes a message back takes back its copies. Admins
(ADMINS: their user ids, with spaces between) quote a copy and write /recall, /mute or /unmute.
"""

import asyncio
import os
import sqlite3
from contextlib import suppress
from functools import cache

from blazebot import Bot, Command, F, Media, Message, Recall, ServiceError, Text

ADMINS = set(os.environ.get("ADMINS", "").split())
bot = Bot()


@cache
def database() -> sqlite3.Connection:
    connection = sqlite3.connect("supergroup.db")
    connection.executescript(
        """
        CREATE TABLE IF NOT EXISTS members (user_id PRIMARY KEY, is_in, is_muted);
        CREATE TABLE IF NOT EXISTS copies (id PRIMARY KEY, member_id, original_id, author_id);
        CREATE INDEX IF NOT EXISTS copies_by_original ON copies (original_id);
        """
    )
    return connection


def change(sql: str, *rows: tuple[object, ...]) -> None:
    with database() as transaction:
        transaction.executemany(sql, rows)


@bot.on_shutdown
async def close() -> None:
    database().close()
    database.cache_clear()


@bot.command("join")
async def join(message: Message[Text]) -> None:
    insert = "INSERT INTO members VALUES (?, TRUE, FALSE) ON CONFLICT DO UPDATE SET is_in = TRUE"
    change(insert, (message.user_id,))
    await message.reply("Welcome.")


@bot.command("leave")
async def leave(message: Message[Text]) -> None:
    change("UPDATE members SET is_in = FALSE WHERE user_id = ?", (message.user_id,))
    await message.reply("Goodbye.")


@bot.command("recall", "mute", "unmute", F.user_id.in_(ADMINS))
async def moderate(message: Message[Text], command: Command) -> None:
    select = "SELECT original_id, author_id FROM copies WHERE id = ?"
    quoted = database().execute(select, (message.quote_message_id,)).fetchall()
    for original_id, author_id in quoted:
        if command.name == "recall":
            await take_back(original_id)
        else:
            is_muted = command.name == "mute"
            change("UPDATE members SET is_muted = ? WHERE user_id = ?", (is_muted, author_id))
    await message.reply("Done." if quoted else "Quote what somebody has written.")


@bot.on_recall
async def recall(message: Message[Recall]) -> None:
    await take_back(message.content.message_id)


async def take_back(original_id: str) -> None:
    async def take_back_copy(copy_id: str, member_id: str) -> None:
        with suppress(ServiceError):  # such as of who has blocked the bot
            await bot.send(member_id, Recall(copy_id))

    select = "SELECT id, member_id FROM copies WHERE original_id = ?"
    copies = database().execute(select, (original_id,)).fetchall()
    await asyncio.gather(*(take_back_copy(*copy) for copy in copies))


@bot.on(Text, Media)
async def relay(message: Message[Text | Media]) -> None:
    is_muted = dict(database().execute("SELECT user_id, is_muted FROM members WHERE is_in"))
    if is_muted.pop(message.user_id, True):
        await message.reply("You are muted, or not in: /join.")
        return
    copies = [(member_id, message.content) for member_id in is_muted]
    sent = await bot.send_batch(copies, representative_id=message.user_id)
    change(
        "INSERT OR IGNORE INTO copies VALUES (?, ?, ?, ?)",
        *((one.message_id, one.user_id, message.id, message.user_id) for one in sent),
    )


if __name__ == "__main__":
    bot.run()
