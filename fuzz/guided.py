"""``python -m fuzz.guided TARGET OPTION...``: one target under libFuzzer, in a process of its own.

Options are libFuzzer's; the corpus it grows comes first. It ends with the first finding.
"""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    """Run one target until libFuzzer has had enough."""
    with atheris.instrument_imports(include=["blazebot"]):
        from fuzz.targets import TARGETS  # noqa: PLC0415 - what is to be covered

    name, *options = sys.argv[1:]
    with TARGETS[name]() as attempt:
        atheris.Setup([f"fuzz {name}", *options], attempt)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
