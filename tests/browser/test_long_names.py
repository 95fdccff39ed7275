"""However long a name is, what can be done with it stays in sight."""

from __future__ import annotations

from playwright.async_api import Locator, Page, ViewportSize, expect

from tests.browser.box import Box

NARROW: ViewportSize = {"width": 360, "height": 740}
SIZES: tuple[ViewportSize, ...] = ({"width": 1280, "height": 800}, NARROW)
LONG = "Wolfeschlegelsteinhausenberger"
"""A name without a blank to break it at."""

WIDE = "国際情報通信技術研究開発機構" * 4
"""A name that may be broken anywhere, and takes a whole line everywhere."""

OUTSIDE = """(dialog) => {
  const edge = dialog.getBoundingClientRect();
  return [...dialog.querySelectorAll('button, input, select, label, a, h2, .small')]
    .map((one) => [one.ariaLabel || one.textContent, one.getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.left < edge.left || box.right > edge.right))
    .map(([words, box]) => `${words}: ${box.left} to ${box.right} of ${edge.right}`);
}"""
"""What lies beyond a dialog's edges, where only a drag sideways leads."""

COVERED = """(lists) => lists.flatMap((list) => [...list.children]).filter((row) =>
  [...row.children].some((part) =>
    part.getBoundingClientRect().bottom > row.getBoundingClientRect().bottom))
  .map((row) => row.textContent)"""
"""Rows that their parts do not fit into: the next row lies over them."""

BROKEN = """(tabs) => tabs.filter((tab) => {
  const words = document.createRange();
  words.selectNodeContents(tab);
  return words.getClientRects().length > 1;
}).map((tab) => tab.textContent)"""
"""The tabs whose words take more than a line."""


async def in_sight(dialog: Locator) -> None:
    for size in SIZES:
        await dialog.page.set_viewport_size(size)
        assert await dialog.evaluate(OUTSIDE) == []
        assert await dialog.locator("ul").evaluate_all(COVERED) == []


async def test_nothing_is_pushed_out_of_sight(page: Page, box: Box) -> None:
    me, *others = [await box.person(name) for name in ("Alice", LONG, WIDE)]
    bots = [await box.bot(LONG), await box.bot(WIDE)]
    group = await box.control.call(
        "POST",
        f"/people/{me}/conversations",
        {"name": LONG + "_" * 10, "announcement": "!" * 200, "participants": [*others, bots[0]]},
    )
    await page.goto(box.messenger(me))
    await page.get_by_role("button", name="All people").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("link", name=WIDE).first).to_be_visible()
    await in_sight(dialog)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="New conversation").first.click()
    for way in ("Bot", "Person", "Group"):
        await dialog.get_by_role("tab", name=way).click()
        await expect(dialog.get_by_text(WIDE).first).to_be_visible()
        await in_sight(dialog)
    await page.keyboard.press("Escape")

    await page.goto(box.messenger(me, group["conversation_id"]))
    await page.get_by_role("button", name="Details").last.click()
    await dialog.get_by_role("button", name="Add members").click()
    await expect(dialog.get_by_role("checkbox", name=WIDE).first).to_be_visible()
    await in_sight(dialog)

    await page.goto(box.messenger(others[0], group["conversation_id"]))  # who may only read of it
    await page.get_by_role("button", name="Details").last.click()
    await expect(dialog).to_contain_text("!!!")
    await in_sight(dialog)

    await page.goto(f"{box.url}#/wire")
    await expect(page.get_by_role("option", name=WIDE).first).to_be_attached()
    assert await page.get_by_role("toolbar").evaluate(OUTSIDE) == []
    tools = await page.get_by_role("toolbar").bounding_box()
    assert tools is not None
    assert tools["width"] == NARROW["width"]

    await page.locator("select.language").select_option("ja")  # its words are the longest
    await page.goto(box.messenger(me))
    await page.get_by_role("button", name="新しいトーク").first.click()
    tabs = dialog.get_by_role("tab")
    await expect(tabs).to_have_count(4)
    assert await tabs.evaluate_all(BROKEN) == []
    await in_sight(dialog)
