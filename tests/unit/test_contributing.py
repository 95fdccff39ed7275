"""What CONTRIBUTING.md names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()


def test_every_file_that_it_names_is_there() -> None:
    words = {word for code in re.findall(r"`([^`]+)`", PAGE) for word in code.split()}
    paths = {word for word in words if re.fullmatch(r"[\w.-]+/[\w./-]*", word)} - {"dist/"}
    assert len(paths) > 20
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_target_that_it_names_can_be_made() -> None:
    targets = set(re.findall(r"make (\w+)(?= |`|$|,)", PAGE, re.MULTILINE)) - {"it"}
    makefile = (ROOT / "Makefile").read_text()
    assert {"demo", "test", "lint", "format", "docs"} <= targets
    missing = [one for one in targets if not re.search(rf"^{one}:", makefile, re.MULTILINE)]
    assert not [one for one in missing if f"`make {one}`" in PAGE or f"    make {one}" in PAGE]
