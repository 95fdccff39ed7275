"""The page speaks the browser's language, and has all words in each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

import blazebot.sandbox.messenger
from tests.browser.box import Box

SCRIPTS = Path(blazebot.sandbox.messenger.__file__).parent / "static" / "js"
PARTS = ("shell", "messenger", "messages", "composer", "dashboard", "wire")

KEYS = """async (paths) => {
  const modules = await Promise.all(paths.map((path) => import(path)));
  return modules.map(({ default: words }) => Object.entries(words).map(([key, text]) => {
    const forms = typeof text === 'string' ? [text] : Object.values(text);
    return [key, [...new Set(forms.join().match(/\\{\\w+\\}/g) ?? [])].sort().join()];
  }).sort());
}"""


async def words(page: Page, part: str) -> list[dict[str, str]]:
    """The keys of a part in each language, and the values that their words take."""
    paths = [f"/messenger/js/locales/{code}/{part}.js" for code in ("en", "zh", "ja")]
    return [dict(pairs) for pairs in await page.evaluate(KEYS, paths)]


async def test_all_languages_have_the_same_words(page: Page, box: Box) -> None:
    used = {
        match
        for path in SCRIPTS.rglob("*.js")
        for match in re.findall(r"\bt\(\s*'([a-z]+\.\w+)'", path.read_text())
    }
    await page.goto(box.url)
    for part in PARTS:
        english, *others = await words(page, part)
        for other in others:
            assert other == english, part
        missing = {key for key in used if key.startswith(f"{part}.")} - {
            f"{part}.{key}" for key in english
        }
        assert missing == set()


@pytest.mark.parametrize(
    ("locale", "write"),
    [("zh-CN", "输入消息"), ("ja-JP", "メッセージを入力"), ("fr", "Write a message")],
)
async def test_the_language_is_the_browser_s(
    browser: Browser, box: Box, locale: str, write: str
) -> None:
    alice = await box.person("Alice")
    conversation = await box.befriend(alice, await box.bot())
    context = await browser.new_context(locale=locale)
    page = await context.new_page()
    await page.goto(box.messenger(alice, conversation))
    await expect(page.get_by_placeholder(write)).to_be_visible()
    await page.locator("select.language").select_option("ja")
    await expect(page.get_by_placeholder("メッセージを入力")).to_be_visible()
    await page.reload()
    await expect(page.get_by_placeholder("メッセージを入力")).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == "ja"
    await context.close()
