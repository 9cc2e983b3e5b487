"""Facts of outputs are told once, and kept by the contents of the files."""
from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from api.diffs.channel import Contents
from api.diffs.pool import DiffPool
from api.domain.captions.facts import FACTS_VERSION, facts
from api.domain.captions.facts_state import FactsState
from api.domain.causes.came import Facts, Pair
from api.domain.errors import Unavailable
from api.services.results.output_facts import PAIRS_AT_ONCE, FactFinder
from api.storage.database import transact
from api.storage.files.archive import Archive
from api.storage.files.backends import LocalBackend
from api.storage.results.output_facts import KeptFacts, keep_facts, load_facts
from tests.databases import Database
from tests.storage.files.file_stores import SOON, link, now

ONE, OTHER = b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", b"1\n00:00:01,040 --> 00:00:02,040\nHello\n"


class CountingPool(DiffPool):
    """A pool that knows what it was asked, and may answer of fewer pairs."""

    def __init__(self, most: int = 1000) -> None:
        super().__init__(processes=1, seconds=60)
        self.most = most
        self.asked: list[int] = []
        self.late: set[bytes] = set()

    def facts_of_pairs(self, pairs: Sequence[Contents]) -> Sequence[Facts | None]:
        self.asked.append(len(pairs))
        return [
            None if pair.actual in self.late else facts(pair.expected, pair.actual, pair.code, whole=True) for pair in pairs[:self.most]]


class Store:
    """A store of outputs on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "TestResults"
        self._folder.mkdir()
        local = LocalBackend(folder, link)
        self.archive = Archive([local], clock=now, link_lifetime=SOON, send_on=lambda _: None)

    def add(self, content: bytes) -> str:
        digest = sha256(content).hexdigest()
        (self._folder / f"{digest}.srt").write_bytes(content)
        return digest


@pytest.fixture
def files(tmp_path: Path) -> Store:
    folder = tmp_path / "files"
    folder.mkdir()
    return Store(folder)


@pytest.fixture
def pool() -> CountingPool:
    return CountingPool()


def finder(files: Store, pool: DiffPool) -> FactFinder:
    return FactFinder(files.archive, pool)


@pytest.mark.usefixtures("database")
def test_facts_are_told_once(files: Store, pool: CountingPool) -> None:
    pair = Pair(files.add(ONE), files.add(OTHER), ".srt")
    find = finder(files, pool).find

    first, again = find([pair]), find([pair])

    assert first == again == {pair: facts(ONE, OTHER, None, whole=True)}
    assert pool.asked == [1]


@pytest.mark.usefixtures("database")
def test_a_pair_whose_file_is_gone_is_looked_for_again(files: Store, pool: CountingPool) -> None:
    pair = Pair(sha256(ONE).hexdigest(), files.add(OTHER), ".srt")
    find = finder(files, pool).find

    gone, kept = find([pair]), load_facts([pair])
    files.add(ONE)
    found = find([pair])

    assert gone == {}
    assert kept == {pair: KeptFacts(FactsState.MISSING)}
    assert found.keys() == {pair}


@pytest.mark.usefixtures("database")
def test_what_stands_for_no_file_is_one_that_is_gone(files: Store, pool: CountingPool) -> None:
    assert finder(files, pool).find([Pair("error", "../secret", ".srt")]) == {}


@pytest.mark.usefixtures("database")
def test_a_pair_that_took_too_long_is_not_tried_again(files: Store, pool: CountingPool) -> None:
    pool.late = {OTHER}
    pair = Pair(files.add(ONE), files.add(OTHER), ".srt")
    told: list[str] = []
    find = FactFinder(files.archive, pool, told.append).find

    assert find([pair]) == find([pair]) == {}
    assert told == ["late"]


@pytest.mark.usefixtures("database")
def test_it_is_told_which_outputs_are_in_no_format_of_captions(files: Store, pool: CountingPool) -> None:
    told: list[str] = []
    find = FactFinder(files.archive, pool, told.append).find

    find([Pair(files.add(ONE), files.add(OTHER), ".srt")])
    find([Pair(files.add(b"\0binary"), files.add(b"\0other"), ".srt")])
    find([Pair(sha256(b"gone").hexdigest(), files.add(OTHER), ".srt")])

    assert told == ["read", "unread"]


@pytest.mark.usefixtures("database")
def test_many_pairs_are_asked_for_in_batches_and_those_that_were_left_once_more(files: Store, pool: CountingPool) -> None:
    pool.most = 40
    one = files.add(ONE)
    pairs = [Pair(one, files.add(OTHER + b"%d" % number), ".srt") for number in range(PAIRS_AT_ONCE + 1)]

    found = finder(files, pool).find(pairs)

    assert found.keys() == set(pairs)
    assert pool.asked == [64, 24, 1]


@pytest.mark.usefixtures("database")
def test_a_store_that_does_not_answer_is_told(files: Store, pool: CountingPool, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(files.archive, "open", away)

    with pytest.raises(Unavailable):
        finder(files, pool).find([Pair("a" * 64, "b" * 64, ".srt")])


@pytest.mark.usefixtures("database")
def test_facts_of_another_version_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair("a" * 64, "b" * 64, ".srt")
    transact(lambda: keep_facts({pair: KeptFacts(FactsState.READY)}))
    known = load_facts([pair])
    monkeypatch.setattr("api.storage.results.output_facts.FACTS_VERSION", FACTS_VERSION + 1)
    other = load_facts([pair])
    transact(lambda: keep_facts({pair: KeptFacts(FactsState.LATE)}))

    assert known == {pair: KeptFacts(FactsState.READY)}
    assert other == {}
    assert load_facts([pair]) == {pair: KeptFacts(FactsState.LATE)}


def test_the_database_tells_facts_as_they_were(database: Database) -> None:
    pair = Pair("a" * 64, "b" * 64, ".srt")
    told = KeptFacts(FactsState.READY, facts(ONE, OTHER, None, whole=True))
    transact(lambda: keep_facts({pair: told}))

    assert load_facts([pair]) == {pair: told}
