"""Take the pictures of the docs: ``python -m tests.browser.pictures``.

``--language zh --to FOLDER`` takes them in another language, to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image as Pillow
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.browser.box import Box, running_box
from tests.browser.chromium import chromium
from tests.browser.scene import Scene, acted

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 360, "height": 720}
SIZES = {"wide": WIDE, "narrow": NARROW}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COLOURS = 256
WITHIN_S = 300


async def show_messenger(page: Page, box: Box, scene: Scene) -> None:
    await page.goto(box.messenger(scene.person, scene.conversation))
    await expect(page.locator(".body-picture").get_by_role("img")).to_be_visible()
    await expect(page.locator(".ticks.READ").last).to_be_visible()


async def show_dashboard(page: Page, box: Box, scene: Scene) -> None:
    await page.goto(f"{box.url}#/dashboard")
    await expect(page.locator(".plot polyline").first).to_be_attached()
    await scene.chatter()  # so that there is something to plot


async def show_wire(page: Page, box: Box, scene: Scene) -> None:
    await page.goto(f"{box.url}#/wire")
    await scene.chatter()
    last = page.get_by_role("option").last
    await expect(last).to_be_visible()
    if page.viewport_size == WIDE:  # else it would cover the log
        await page.get_by_role("option").filter(has_text="PLAIN_TEXT").last.click()


PLACES = {"messenger": show_messenger, "dashboard": show_dashboard, "wire": show_wire}


def small(png: bytes) -> bytes:
    """Return a picture in few colours."""
    made = io.BytesIO()
    with Pillow.open(io.BytesIO(png)) as whole:
        few = whole.convert("RGB").quantize(COLOURS, dither=Pillow.Dither.NONE)
        few.save(made, "PNG", optimize=True)
    return made.getvalue()


async def take(browser: Browser, box: Box, scene: Scene, locale: str, folder: Path) -> None:
    for scheme in SCHEMES:
        for size, viewport in SIZES.items():
            context = await browser.new_context(
                locale=locale,
                color_scheme=scheme,
                viewport=viewport,
                reduced_motion="reduce",
            )
            page = await context.new_page()
            for place, show in PLACES.items():
                await show(page, box, scene)
                picture = small(await page.screenshot())
                (folder / f"{place}-{size}-{scheme}.png").write_bytes(picture)
            await context.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--language", default="en-GB")
    parser.add_argument("--to", type=Path, default=PICTURES)
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        async with (
            asyncio.timeout(WITHIN_S),
            running_box(Path(directory)) as box,
            acted(box) as scene,
            chromium() as browser,
        ):
            await take(browser, box, scene, options.language, options.to)


if __name__ == "__main__":
    asyncio.run(main())
