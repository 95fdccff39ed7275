"""``python -m fuzz TARGET [--seconds N]``: feed a target mutated bytes and watch what it covers.

An error that the target does not promise, or an input that takes longer than ten seconds, ends the
run with the input in ``fuzz/findings``. The corpus grows in ``fuzz/corpus/TARGET`` from run to run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

HERE = Path(__file__).parent


def main() -> None:
    """Run one target."""
    with atheris.instrument_imports(include=["blazebot"]):
        from fuzz.seeds import DICTIONARY, sow  # noqa: PLC0415 - what is to be covered
        from fuzz.targets import TARGETS  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    corpus = HERE / "corpus" / arguments.target
    findings = HERE / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    sow(arguments.target, corpus)
    dictionary = findings / "dictionary"
    dictionary.write_text(DICTIONARY)
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={arguments.seconds}",
            f"-artifact_prefix={findings}/{arguments.target}-",
            f"-dict={dictionary}",
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=4096",
        ],
        TARGETS[arguments.target],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
