"""What a release is made with, and what it is audited with: pinned, all by hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins(text: str) -> dict[str, str]:
    """Return the version of each package that is pinned, by its name."""
    found = re.findall(r"^([\w.-]+)==([\w.+!-]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.fixture(scope="module")
def lock() -> str:
    return (ROOT / "requirements.lock").read_text()


def test_each_version_is_the_one_that_is_tested(lock: str) -> None:
    tested = pins((ROOT / "constraints.txt").read_text())
    locked = pins(lock)
    assert len(locked) > 20
    assert {name: version for name, version in locked.items() if tested.get(name) != version} == {}


@pytest.mark.parametrize("name", ["requirements.lock", ".ci/audit.lock"])
def test_each_has_hashes_and_none_an_address(name: str) -> None:
    lock = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", lock.strip())
    pinned = [one for one in entries if not one.startswith("#")]
    assert len(pinned) == len(pins(lock))
    for one in pinned:
        first, *hashes = one.replace("\\\n", "\n").splitlines()
        assert hashes, first
        assert all(re.fullmatch(r"\s+--hash=sha256:[0-9a-f]{64}\s*", line) for line in hashes)
    assert "://" not in lock


def test_the_tools_of_the_audit_are_locked() -> None:
    wanted = pins((ROOT / ".ci" / "audit.in").read_text())
    locked = pins((ROOT / ".ci" / "audit.lock").read_text())
    assert len(wanted) == 3
    assert {name: locked.get(name) for name in wanted} == wanted, "make lock"


def test_all_that_a_user_may_install_is_locked(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    groups = [project["project"]["dependencies"], project["build-system"]["requires"]]
    groups += [wanted for extra, wanted in extras.items() if extra not in ("dev", "docs", "fuzz")]
    locked = pins(lock)
    for text in (one for group in groups for one in group):
        requirement = Requirement(text)
        if requirement.name != "blazebot":
            version = locked.get(canonicalize_name(requirement.name))
            assert version is not None, f"{text}: make lock"
            assert requirement.specifier.contains(version), f"{text}: make lock"
