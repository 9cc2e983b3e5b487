"""Asks the domain for the causes of each run of a labelled history, and compares every claim with the truth.

    python -m benchmarks.causes [CORPUS] [--invented 1 2 3] [--served] [--late] [--show "first bad wrong"]

With `--invented` histories are made up, one for each seed, that are harsher than a project's. With `--served` a server in this process is
asked over HTTP, else the domain. `--late` asks the domain when all runs are over, else each is asked for when it is, by what is known then.
`--show` prints the claims of a kind.
"""
from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from api.domain.causes.stability import StabilityState
from benchmarks.causes.asking import Asked, costs_of
from benchmarks.causes.corpus import Corpus
from benchmarks.causes.scoring import Score
from benchmarks.causes.served import Served
from tests.databases import opened
from tests.handlers.site import build_site
from tests.services.results.analysed import OwnPool


def main() -> None:
    """Print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--invented", type=int, nargs="+", default=[], metavar="SEED")
    parser.add_argument("--served", action="store_true")
    parser.add_argument("--late", action="store_true")
    parser.add_argument("--show", action="append", default=[])
    arguments = parser.parse_args()
    corpora = _corpora(arguments.corpus, arguments.invented)
    score, more = _of_servers(corpora) if arguments.served else _of_the_domain(corpora, late=arguments.late)
    print("| figure | value |\n|---|---|")
    for name, value in {**score.figures(), **more}.items():
        print(f"| {name} | {value} |")
    for kind in arguments.show:
        print("", kind, *score.claims[kind], sep="\n")


def _of_the_domain(corpora: Iterator[Corpus], *, late: bool) -> tuple[Score, dict[str, str]]:
    score, asked = Score(), []
    for corpus in corpora:
        asked.append(Asked(corpus))
        score.begin(corpus)
        for run, found in asked[-1].answers(late=late):
            score.judge(run, found, asked[-1].runs)
    return score, costs_of(asked)


def _of_servers(corpora: Iterator[Corpus]) -> tuple[Score, dict[str, str]]:
    score, states = Score(), list[tuple[bool, StabilityState]]()
    for corpus in corpora:
        score.begin(corpus)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with opened(f"sqlite:///{folder / 'ci.db'}"):
                pass
            site = build_site(folder, folder / "ci.db")
            with site.client, site.app.flask.app_context():
                served = Served(corpus, site, OwnPool())
                for run, claims in served.answers():
                    score.judge(run, claims.analysis, served.runs, claims.since)
                truly = corpus.never_the_same(served.runs)
                states += [(number in truly, state) for number, state in served.stable().items()]
    counts = {
        state: [sum(truly is wanted and each is state for truly, each in states) for wanted in (True, False)] for state in StabilityState}
    proven, suspected = counts[StabilityState.PROVEN], counts[StabilityState.SUSPECTED]
    return score, {"nondeterministic tests found": f"{proven[0]} proven and {suspected[0]} suspected of "
                   f"{sum(truly for truly, _ in states)}, falsely {proven[1]} and {suspected[1]}"}


def _corpora(folder: Path | None, seeds: list[int]) -> Iterator[Corpus]:
    if folder is not None:
        yield Corpus.read(folder)
    yield from map(Corpus.invented, seeds)


if __name__ == "__main__":
    main()
