"""A converter: send it a picture, and it comes back in shades of grey (needs blazebot[media])."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image as Picture

from blazebot import Bot, Content, F, File, Image, Message, image

MIB = 1024 * 1024

bot = Bot()


def make_grey(source: Path, target: Path) -> bool:
    """Write the picture in grey; tell whether it could be read."""
    try:
        with Picture.open(source) as picture:
            picture.convert("L").save(target)
    except (OSError, SyntaxError, ValueError, Picture.DecompressionBombError):
        return False
    return True


@bot.on(Image, File, F.content.mime_type.startswith("image/"), F.content.size <= 10 * MIB)
async def convert(message: Message[Image | File]) -> None:
    with TemporaryDirectory() as directory:
        source, target = Path(directory, "source"), Path(directory, "grey.png")
        await bot.download(message.content, source, limit=10 * MIB)
        if await asyncio.to_thread(make_grey, source, target):
            await message.quote(image(target))
        else:
            await message.quote("I cannot read that picture.")


@bot.fallback
async def explain(message: Message[Content]) -> None:
    await message.reply("Send me a picture of up to 10 MiB.")


if __name__ == "__main__":
    bot.run()
