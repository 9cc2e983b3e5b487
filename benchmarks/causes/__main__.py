"""Asks the domain for the causes of each run of a labelled history, and compares every claim with the truth.

    python -m benchmarks.causes CORPUS [--late] [--show "first bad wrong"]

`--late` asks when all runs are over, else each is asked for when it is, by what is known then. `--show` prints the claims of a kind.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.causes.asking import Asked
from benchmarks.causes.corpus import Corpus
from benchmarks.causes.scoring import Score


def main() -> None:
    """Print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--late", action="store_true")
    parser.add_argument("--show", action="append", default=[])
    arguments = parser.parse_args()
    asked = Asked(Corpus(arguments.corpus))
    score = Score(asked.corpus)
    for run, found in asked.answers(late=arguments.late):
        score.judge(run, found, asked.runs)
    print("| figure | value |\n|---|---|")
    for name, value in {**score.figures(), **asked.figures()}.items():
        print(f"| {name} | {value} |")
    for kind in arguments.show:
        print("", kind, *score.claims[kind], sep="\n")


if __name__ == "__main__":
    main()
