"""What the facts of an output cost in processor time, format by format, for the causes of the tests; and files that met with accidents.

    python -m benchmarks.facts [--cues 7 120 2000] [--mutations 10000] [--seed 1]
"""
from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from api.domain.captions.cue import Format
from api.domain.captions.facts import facts
from tests.domain.captions.accidents import mutated
from tests.domain.captions.causes import BYTES, CAUSES, STYLES
from tests.domain.captions.writers import CUES, Spoken, written

GOAL_MS, LIMIT_MS = 6, 250
Pair = tuple[bytes, bytes]


def spoken(count: int) -> list[Spoken]:
    """So many cues."""
    length = CUES[-1].end + 500
    return [CUES[index % len(CUES)].moved(*(length * (index // len(CUES)),) * 2) for index in range(count)]


def pairs_of(format: Format, count: int) -> Iterator[Pair]:
    """A file of so many cues and what each cause makes of it."""
    cues = spoken(count)
    expected = written(format, cues)
    yield from ((expected, written(format, change(cues))) for change, formats, _ in CAUSES.values() if format in formats)
    yield from ((expected, written(format, cues, style)) for style, formats, _ in STYLES.values() if format in formats)
    yield from ((expected, change(expected)) for change, formats, _ in BYTES.values() if format in formats)


def cost_of(pair: Pair) -> float:
    """Milliseconds of the processor's time for a pair's facts."""
    started = time.process_time()
    facts(*pair, None, clock=time.process_time)
    return (time.process_time() - started) * 1000


def row(name: str, costs: Sequence[float]) -> str:
    """A line of the table."""
    return f"| {name} | {len(costs)} | {median(costs):.1f} ms | {max(costs):.1f} ms | {sum(costs) / 1000:.2f} s |"


def measure(counts: Sequence[int]) -> list[float]:
    """Print what each format costs; all costs."""
    everything = []
    for format in Format:
        for count in counts:
            costs = [cost_of(pair) for pair in pairs_of(format, count)]
            print(row(f"{format}, {count} cues", costs))
            everything += costs
    return everything


def damage(count: int, seed: int) -> Counter[str]:
    """Print what so many files cost that met with accidents; how many raised, and how many had no facts though they differ."""
    chance, costs, wrong = random.Random(seed), [], Counter[str]()
    for _ in range(count):
        pair = mutated(chance)
        started = time.process_time()
        try:
            wrong["without facts"] += not facts(*pair, None) and pair[0] != pair[1]
        except Exception as fault:  # To count them is what this is for.
            wrong[type(fault).__name__] += 1
        costs.append((time.process_time() - started) * 1000)
    print(row("files with accidents", costs))
    return +wrong


def main() -> None:
    """Measure, and say whether the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cues", type=int, nargs="+", default=[7, 120, 2000])
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| files | pairs | median | most | together |\n|---|---|---|---|---|")
    costs = measure(options.cues)
    wrong = damage(options.mutations, options.seed)
    print(f"\nMedian {median(costs):.1f} ms (goal {GOAL_MS}), most {max(costs):.0f} ms (limit {LIMIT_MS}); wrong: {dict(wrong) or 'none'}")
    if wrong or median(costs) > GOAL_MS or max(costs) > LIMIT_MS:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
