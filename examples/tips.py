"""A tip jar: it thanks for each transfer, and knows what each person has given."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from decimal import Decimal

from blazebot import Bot, F, Message, Text, Transfer, User

bot = Bot()


class Tips:
    """Who gave what, by the id of the transfer: one that comes again counts once."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        database.execute(
            "CREATE TABLE IF NOT EXISTS tips"
            " (id TEXT PRIMARY KEY, user_id TEXT, asset_id TEXT, amount TEXT)"
        )

    def add(self, user_id: str, tip: Transfer) -> None:
        with self.database:
            self.database.execute(
                "INSERT OR IGNORE INTO tips VALUES (?, ?, ?, ?)",
                (tip.snapshot_id, user_id, tip.asset_id, str(tip.amount)),
            )

    def totals(self, user_id: str) -> dict[str, Decimal]:
        """Return what a person has given, by asset."""
        totals: dict[str, Decimal] = {}
        for asset_id, amount in self.database.execute(
            "SELECT asset_id, amount FROM tips WHERE user_id = ? ORDER BY rowid", (user_id,)
        ):
            totals[asset_id] = totals.get(asset_id, Decimal()) + Decimal(amount)
        return totals


async def open_tips() -> AsyncIterator[Tips]:
    with closing(sqlite3.connect("tips.db")) as database:
        yield Tips(database)


bot.provide(Tips, open_tips)


@bot.on(Transfer, F.content.amount > 0)  # below 0 it is what the bot has paid
async def thank(message: Message[Transfer], tips: Tips, user: User) -> None:
    tip = message.content
    tips.add(message.user_id, tip)
    total = tips.totals(message.user_id)[tip.asset_id]
    await message.reply(
        f"Thank you for {tip.amount:f}, {user.full_name}! That makes {total:f}.", key="thanks"
    )


@bot.command("total")
async def tell_total(message: Message[Text], tips: Tips) -> None:
    totals = tips.totals(message.user_id)
    lines = [f"{total:f} of asset {asset_id}" for asset_id, total in totals.items()]
    await message.reply("\n".join(lines) or "Nothing yet.", key="total")


if __name__ == "__main__":
    bot.run()
