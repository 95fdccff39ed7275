"""The documentation says what the code does, as far as that can be compared."""

from __future__ import annotations

import re
from pathlib import Path

from blazebot.conformance.rules import CHECKS
from blazebot.sandbox.assumptions import Assumptions
from blazebot.wire.content import CATEGORIES

DOCS = Path(__file__).parents[2] / "docs"


def test_every_assumption_is_listed_and_no_other() -> None:
    page = (DOCS / "assumptions.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(Assumptions.__struct_fields__)


def test_every_category_is_listed_with_its_kind() -> None:
    page = (DOCS / "categories.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `(\w+)` \|", page, re.MULTILINE))
    assert rows == {category: kind.__name__ for category, kind in CATEGORIES.items()}


def test_the_rules_are_held_by_tests_and_checks_that_exist() -> None:
    page = (DOCS / "rules.md").read_text()
    rules = [row for row in page.splitlines() if row.startswith("| ") and "| held by |" not in row]
    held = [
        re.findall(r"`(tests/[\w/]+\.py)::(\w+)`|check `([\w-]+)`", row.rpartition(" | ")[2])
        for row in rules
    ]
    assert [row for row, by in zip(rules, held, strict=True) if not by] == []
    checks = {check.name for check in CHECKS}
    for path, name, check in (one for by in held for one in by):
        if check:
            assert check in checks
        else:
            source = (DOCS.parent / path).read_text()
            assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), f"{path}::{name}"


def test_every_link_between_the_pages_leads_somewhere() -> None:
    for page in (*DOCS.glob("*.md"), DOCS.parent / "README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
