"""Runs ``blazebot`` as if nothing were installed but what it depends on.

``python only_base.py COMMAND ...``; without a command all modules are imported, and those that
cannot be are printed with why.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from types import ModuleType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(name: str, found: set[str]) -> set[str]:
    """Add to ``found`` a distribution and all that it depends on without extras."""
    found.add(canonicalize_name(name))
    try:
        requirements = distribution(name).requires or []
    except PackageNotFoundError:
        return found  # it is not for this platform
    for one in map(Requirement, requirements):
        is_for_us = one.marker is None or one.marker.evaluate({"extra": ""})
        if is_for_us and canonicalize_name(one.name) not in found:
            needed(one.name, found)
    return found


class Absent(MetaPathFinder):
    """Finds nothing of what is installed beside."""

    def __init__(self) -> None:
        there = needed("blazebot", set())
        self._absent = {
            module
            for module, distributions in packages_distributions().items()
            if not there & {canonicalize_name(one) for one in distributions}
        }

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if top in self._absent:
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)
        return None


def main() -> None:
    sys.meta_path.insert(0, Absent())
    if len(sys.argv) > 1:
        from blazebot.cli.main import app  # noqa: PLC0415

        app()
    import blazebot  # noqa: PLC0415

    def failed(name: str) -> None:
        print(name, sys.exc_info()[1])  # noqa: T201

    for module in pkgutil.walk_packages(blazebot.__path__, "blazebot.", onerror=failed):
        if not module.ispkg and not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError as error:
                print(module.name, error)  # noqa: T201


if __name__ == "__main__":
    main()
