"""axe: what a page has that keeps people out."""

from __future__ import annotations

from importlib.resources import files

from playwright.async_api import Page

_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()

_SERIOUS = """async () => {
  const { violations } = await axe.run();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}"""


async def faults(page: Page) -> list[str]:
    """Return what is serious or critical, in light and in dark."""
    await page.evaluate(f"{_AXE};0")
    found = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {fault}" for fault in await page.evaluate(_SERIOUS)]
    return found
