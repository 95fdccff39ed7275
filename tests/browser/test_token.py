"""Beyond loopback the page needs the token that the sandbox showed at its start."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Page, expect

from blazebot.testing.processes import SandboxProcess


async def test_the_address_that_is_shown_has_the_token(page: Page, tmp_path: Path) -> None:
    arguments = ("--host", "0.0.0.0", "--token", "let&me=in")  # noqa: S104 - it is the test
    sandbox = SandboxProcess(tmp_path / "open", arguments=arguments)
    sandbox.logger.parent.mkdir()
    await sandbox.start()
    try:
        shown = re.search(r"The Messenger: http://0\.0\.0\.0(\S+)", sandbox.log)
        assert shown
        port, _, token = shown[1].partition("/#")
        await page.goto(f"http://127.0.0.1{port}/")
        await expect(page.get_by_text("The sandbox wants its token")).to_be_visible()
        # The page is open already: the browser does not load it again.
        await page.goto(f"http://127.0.0.1{port}/#{token}")
        await page.get_by_label("Name of a new person").fill("Alice")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Connected")).to_be_visible()
        await expect(page.get_by_text("No conversations yet")).to_be_visible()
        assert "let" not in page.url
    finally:
        await sandbox.kill()
