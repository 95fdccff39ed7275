"""Checks the types of what is made by a test, as its author does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ".mypy_cache"

_AS_OURS: Final = ("--strict", "--warn-unreachable", "--python-version", "3.11")
"""As in our pyproject.toml: mypy knows again only what it found out with the same options."""


def check_types(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Run mypy in ``folder``; what ``make lint`` found out about all else it knows already."""
    if (ROOT / CACHE).exists():
        shutil.copytree(ROOT / CACHE, folder / CACHE)
    return subprocess.run(
        [sys.executable, "-m", "mypy", *_AS_OURS, *files],
        cwd=folder,
        env={"MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
