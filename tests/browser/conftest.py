"""A sandbox process, people and bots in it, and Chromium, which shows its page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.box import Box, running_box
from tests.browser.chromium import chromium

WITHIN_MS = 10_000

expect.set_options(timeout=WITHIN_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of this folder in one event loop, so that they share a browser."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def box(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    """A sandbox that tests share: each makes its own people and bots in it."""
    async with running_box(tmp_path_factory.mktemp("box")) as box:
        yield box


@pytest_asyncio.fixture(loop_scope="session")
async def own_box(tmp_path: Path) -> AsyncIterator[Box]:
    """A sandbox with nothing in it, for one test to restart and to make faults in."""
    async with running_box(tmp_path) as box:
        yield box


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser with nothing stored, in English, 1280 by 800."""
    context = await browser.new_context(
        locale="en-GB", viewport={"width": 1280, "height": 800}, reduced_motion="reduce"
    )
    context.set_default_timeout(WITHIN_MS)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A tab; whatever script fails in it, or is refused, fails the test."""
    page = await context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on(
        "console",
        lambda line: failures.append(line.text) if "Content Security" in line.text else None,
    )
    yield page
    assert failures == []
