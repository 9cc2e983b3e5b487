"""Finds the facts of pairs of outputs: those that are kept, and the others by comparing the files."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from api.diffs.channel import Contents
from api.diffs.pool import DiffPool
from api.domain.captions.facts import BYTE_LIMIT
from api.domain.captions.facts_state import FactsState
from api.domain.causes.came import Facts, Pair
from api.storage.database import session, transact
from api.storage.files.archive import Archive
from api.storage.files.paths import result_name
from api.storage.results.output_facts import KeptFacts, keep_facts, load_facts

# So many pairs, or as many as are together of so many bytes, are compared at once.
PAIRS_AT_ONCE, BYTES_AT_ONCE = 64, 8 << 20

Compared = tuple[Pair, Contents]


@dataclass(frozen=True, slots=True)
class FactFinder:
    """Compares files in other processes. `told` is called with the outcome of each pair that was compared."""

    archive: Archive
    pool: DiffPool
    notify: Callable[[str], None] = lambda _: None

    def find(self, pairs: Sequence[Pair], go_on: Callable[[], None] = lambda: None) -> dict[Pair, Facts]:
        """All facts of these pairs, and keep those that were not kept; pairs that cannot be compared are left out.

        `go_on` is called after each batch, within the transaction that keeps its facts.

        Outside of a transaction. Raises Unavailable where a store of files does not answer, or too many files are being compared.
        """
        kept = load_facts(pairs)
        session().rollback()
        # A file that was gone may have come.
        missing = [pair for pair in pairs if pair not in kept or kept[pair].state is FactsState.MISSING]
        for batch in self._batches(missing):
            compared = self._compare(batch)
            changed = {pair: each for pair, each in compared.items() if kept.get(pair) != each}
            transact(partial(_keep, changed, go_on))
            kept |= compared
        return {pair: each.facts for pair, each in kept.items() if each.state is FactsState.READY}

    def _batches(self, pairs: Iterable[Pair]) -> Iterator[list[tuple[Pair, Contents | None]]]:
        batch: list[tuple[Pair, Contents | None]] = []
        size = 0
        for pair in pairs:
            contents = self._read(pair)
            length = 0 if contents is None else contents.size
            if batch and (len(batch) == PAIRS_AT_ONCE or size + length > BYTES_AT_ONCE):
                yield batch
                batch, size = [], 0
            batch.append((pair, contents))
            size += length
        if batch:
            yield batch

    def _read(self, pair: Pair) -> Contents | None:
        """The beginnings of both files; a byte more than is looked at tells that there is more."""
        expected, actual = (self.archive.open(result_name(digest, pair.extension)) for digest in (pair.expected, pair.actual))
        if expected is None or actual is None:
            return None
        return Contents(expected.read(0, BYTE_LIMIT + 1), actual.read(0, BYTE_LIMIT + 1), pair.code)

    def _compare(self, batch: Sequence[tuple[Pair, Contents | None]]) -> dict[Pair, KeptFacts]:
        compared = {pair: KeptFacts(FactsState.MISSING) for pair, contents in batch if contents is None}
        rest = [(pair, contents) for pair, contents in batch if contents is not None]
        while rest:
            for (pair, _), facts in zip(rest, answer := self.pool.facts_of_pairs([contents for _, contents in rest]), strict=False):
                compared[pair] = KeptFacts(FactsState.LATE) if facts is None else KeptFacts(FactsState.READY, facts)
            rest = rest[len(answer):]
        for each in compared.values():
            if each.outcome is not None:
                self.notify(each.outcome)
        return compared


def _keep(compared: Mapping[Pair, KeptFacts], go_on: Callable[[], None]) -> None:
    keep_facts(compared)
    go_on()
