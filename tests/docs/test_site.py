"""The documentation site is whole, in three languages, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import cache, partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, Request, expect

import blazebot
import blazebot.testing
from tests.browser.chromium import chromium
from tests.unit.test_translations import LANGUAGES, pages

DOCS = Path(__file__).parents[2] / "docs"

_ADDRESS = re.compile(r"(?:https?:)?//")
_CSS = re.compile(r"(?:url\(|@import\s*)['\"]?([^'\")]+)")
_LOADED = {"script": "src", "img": "src", "source": "srcset", "iframe": "src", "video": "src"}
_RELATIONS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload"}


class Loads(HTMLParser):
    """What a page loads without anybody clicking."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and _RELATIONS & set((given.get("rel") or "").split()):
            self.found.append(given.get("href") or "")
        elif tag in _LOADED and given.get(_LOADED[tag]):
            self.found.append(given[_LOADED[tag]] or "")


@cache
def loads(path: Path) -> list[str]:
    """Return what a file of the site loads."""
    text = path.read_text()
    return Loads(text).found if path.suffix == ".html" else _CSS.findall(text)


def elsewhere(path: Path) -> list[str]:
    """Return what a file of the site loads from elsewhere."""
    return [address for address in loads(path) if _ADDRESS.match(address)]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > len(LANGUAGES) * 30
    assert {
        str(path.relative_to(site)): found for path in files if (found := elsewhere(path))
    } == {}


def test_what_is_loaded_from_elsewhere_is_found_out(tmp_path: Path) -> None:
    page, style = tmp_path / "page.html", tmp_path / "style.css"
    page.write_text(
        '<script src="//cdn.example/a.js"></script><img src="b.png"><a href="http://c">'
    )
    style.write_text("@import 'https://fonts.example/a.css'; a {background: url(b.png)}")
    assert elsewhere(page) == ["//cdn.example/a.js"]
    assert elsewhere(style) == ["https://fonts.example/a.css"]


def test_pictures_are_there_in_each_language(site: Path) -> None:
    for page in site.rglob("*.html"):
        for address in loads(page):
            if address.startswith(("data:", "/")):  # the page for what is not there says it so
                continue
            assert (page.parent / address.partition("#")[0].partition("?")[0]).exists(), page


def test_assistants_find_every_page(site: Path) -> None:
    table = (site / "llms.txt").read_text()
    addresses = re.findall(r"^- \[.+\]\((.*?)\): \S", table, re.MULTILINE)
    assert len(addresses) == len(pages())
    for address in addresses:
        assert (site / address / "index.html").exists()
    everything = (site / "llms-full.txt").read_text()
    texts = {page: (DOCS / page).read_text().strip() for page in pages()}
    assert {page for page, text in texts.items() if text not in everything} == {
        page for page in texts if page.startswith("api/")
    }


@pytest.mark.parametrize("module", [blazebot, blazebot.testing], ids=lambda one: one.__name__)
def test_every_public_name_is_in_the_reference(module: object) -> None:
    text = "".join(path.read_text() for path in (DOCS / "api").glob("*.md"))
    shown = re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)
    name = getattr(module, "__name__", "")
    assert {f"{name}.{one}" for one in getattr(module, "__all__", ())} <= set(shown)


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


async def test_the_search_finds_pages_of_the_readers_language_alone(address: str) -> None:
    async with chromium() as browser:
        for home, query in (("", "quota"), ("zh/", "配额"), ("ja/tutorial/echo/", "クォータ")):
            language = home[:3]
            found = await _search(browser, address, home, query, f"{language}quota")
            assert set(map(_language, found)) == {language}
        # What docstrings say is found in all of them, each time below the reader's.
        for home in ("", *(f"{one}/" for one in LANGUAGES)):
            found = await _search(browser, address, home, "BotSettings", f"{home}api/settings")
            assert set(map(_language, found)) == {home}


def _language(path: str) -> str:
    return path[:3] if path.startswith(tuple(f"{one}/" for one in LANGUAGES)) else ""


async def _search(browser: Browser, address: str, home: str, query: str, found: str) -> list[str]:
    """Search from ``home`` until ``found`` is there; return the paths of all that was found."""
    foreign: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            foreign.append(request.url)

    page = await browser.new_page(viewport={"width": 1400, "height": 900})
    page.on("request", note)
    await page.goto(address + home)
    await page.locator("input.md-search__input").fill(query)
    links = page.locator(f".md-search-result a[href*='{found}/']")
    await expect(links.first).to_be_attached(timeout=10_000)
    shown = await page.locator(".md-search-result a").evaluate_all("all => all.map(a => a.href)")
    await page.close()
    assert foreign == []
    return [one.removeprefix(address) for one in shown]
