"""Requests of a page that a test holds back."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page, Route


async def hold(page: Page, pattern: str, *, times: int | None = None) -> asyncio.Event:
    """Hold requests back, or so many of them, until the event that is returned is set."""
    released = asyncio.Event()

    async def wait(route: Route) -> None:
        await released.wait()
        await route.continue_()

    await page.route(pattern, wait, times=times)
    return released
