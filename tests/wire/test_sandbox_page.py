"""The Messenger's page and files: how they are served, and that nothing else is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

import pytest
import yarl

from tests.wire.sandbox_peers import Box, sandbox_here


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


async def fetch(box: Box, path: str, **headers: str) -> tuple[int, str, Mapping[str, str]]:
    """Return status, text and headers of what is at a path, which is sent as it is."""
    address = yarl.URL(box.url.rstrip("/") + path, encoded=True)
    async with box.http.get(address, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers


async def test_the_page_and_all_it_names_are_served(box: Box) -> None:
    status, page, headers = await fetch(box, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    paths = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert "/messenger/js/main.js" in paths
    assert "/messenger/vendor/preact.js" in paths
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for path in paths:
        status, text, headers = await fetch(box, path)
        assert status == 200, path
        assert headers["Content-Type"].startswith(kinds[path.rpartition(".")[2]]), path
        for name in re.findall(r"""(?:from|import)\s*['"](\.[^'"]+)['"]""", text):
            imported = yarl.URL(path).join(yarl.URL(name)).path
            assert imported in paths, f"{path} imports {name}, which the page does not announce"


async def test_no_script_but_the_page_s_own_may_run(box: Box) -> None:
    for path in ("/", "/messenger/js/main.js"):
        _, _, headers = await fetch(box, path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        from_elsewhere = {part.split()[0] for part in policy.split("; ") if "http" in part}
        assert from_elsewhere == {"img-src", "media-src"}  # test_remote holds that it takes a click
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
    _, page, _ = await fetch(box, "/")
    assert re.findall(r"<script(?![^>]* src=)|<style| on\w+=", page) == []


async def test_what_has_not_changed_is_not_sent_again(box: Box) -> None:
    for path in ("/", "/messenger/css/base.css"):
        _, _, headers = await fetch(box, path)
        assert headers["Cache-Control"] == "no-cache"
        status, text, again = await fetch(box, path, **{"If-None-Match": headers["ETag"]})
        assert (status, text, again["ETag"]) == (304, "", headers["ETag"])
        status, _, _ = await fetch(box, path, **{"If-None-Match": '"another"'})
        assert status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/messenger/nothing.js",
        "/messenger/js",
        "/messenger/index.html",
        "/messenger/../page.py",
        "/messenger/js/../../page.py",
        "/messenger/%2e%2e/page.py",
        "/messenger/js/%2e%2e%2fmain.js",
        "/messenger/js/main.js%00.css",
        "/messenger//etc/passwd",
        "/messenger/vendor/README.md",
        "/messenger/js/main.js/",
    ],
)
async def test_there_is_no_way_to_any_other_file(box: Box, path: str) -> None:
    status, text, _ = await fetch(box, path)
    assert status != 200 or '"error"' in text  # the service answers its errors with 200
    assert "import" not in text


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000 + "b"])
async def test_a_name_that_no_disk_has_is_no_failure(box: Box, name: str) -> None:
    status, text, _ = await fetch(box, f"/messenger/{name}.js")
    assert status < 500, text


async def test_bots_still_connect_at_the_same_address(box: Box) -> None:
    bot = await box.bot()
    async with box.line(bot):
        pass
