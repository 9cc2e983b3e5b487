"""A bucket that is slow, dead or not there makes answers degraded or unavailable, never late nor wrong."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.domain.errors import Unavailable
from api.domain.files.storage_status import StorageStatus
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.backends import LocalBackend, Stat, Unreachable
from api.storage.files.bucket import open_bucket
from api.storage.files.circuit_breaker import CircuitBreaker
from tests.storage.files.emulator import BUCKET, Emulator
from tests.storage.files.file_stores import CONTENT, LOG, NAME, SITE, TIMEOUT, archive_of, bucket_at, link, now, put
from tests.storage.files.stalling import wire_to


@dataclass
class Lame:
    """An archive whose bucket is behind a wire, and a clock that moves when it is told to."""

    archive: Archive
    store: CircuitBreaker
    wire_stalls: Callable[[], None]
    wire_breaks: Callable[[], None]
    wire_works: Callable[[], None]
    connections: Callable[[], int]
    ticks: list[float]


@pytest.fixture
def lame(local: LocalBackend, emulator: Emulator, tmp_path: Path) -> Iterator[Lame]:
    ticks = [0.0]
    with wire_to(emulator.port) as wire:
        store = CircuitBreaker(
            bucket_at(wire.endpoint, emulator, timeout=10 * TIMEOUT), timeout=TIMEOUT, threads=4, cooldown=5.0, clock=lambda: ticks[0])

        def stall(stalled: bool) -> Callable[[], None]:
            return lambda: setattr(wire, "stalled", stalled)

        put(local, NAME, CONTENT, tmp_path)
        emulator.put(NAME, CONTENT)
        yield Lame(
            archive_of([local, store]), store, stall(True), wire.cut, stall(False), lambda: wire.connections, ticks)


def test_while_the_bucket_answers_all_is_well(lame: Lame) -> None:
    assert lame.archive.look([NAME])[NAME].status is StorageStatus.OK


@pytest.mark.parametrize("fault", ["stalls", "breaks"])
def test_a_bucket_that_does_not_answer_makes_files_degraded_and_none_missing(lame: Lame, fault: str) -> None:
    {"stalls": lame.wire_stalls, "breaks": lame.wire_breaks}[fault]()

    found = lame.archive.look([NAME, LOG])

    assert (found[NAME].status, found[NAME].where) == (StorageStatus.DEGRADED, ("local",))
    assert (found[LOG].status, found[LOG].where) == (StorageStatus.DEGRADED, ())
    assert lame.archive.link(LOG, found[LOG], "7.txt", "text/plain") is None
    assert (lame.archive.url(NAME, "a.srt", "text/plain") or "").startswith(SITE)


@pytest.mark.parametrize("fault", ["stalls", "breaks"])
def test_without_the_bucket_the_disk_still_serves_and_the_rest_is_unavailable_rather_than_not_found(lame: Lame, fault: str) -> None:
    {"stalls": lame.wire_stalls, "breaks": lame.wire_breaks}[fault]()

    source = lame.archive.open(NAME)

    assert source is not None and source.read(0, 100) == CONTENT
    with pytest.raises(Unavailable):
        lame.archive.open(LOG)


def test_many_files_wait_no_longer_for_a_slow_bucket_than_one(lame: Lame) -> None:
    lame.wire_stalls()

    lame.archive.look([paths.log_name(number) for number in range(1, 200)])

    # Four threads asked once each; whatever else was to be asked was given up with them.
    assert lame.connections() <= 4


def test_a_bucket_that_did_not_answer_is_left_alone_for_a_while_and_then_asked_again(lame: Lame) -> None:
    lame.wire_stalls()
    lame.archive.look([NAME])
    asked = lame.connections()
    lame.archive.look([NAME])
    assert lame.connections() == asked

    lame.wire_works()
    lame.ticks[0] += 5.0

    assert lame.archive.look([NAME])[NAME].status is StorageStatus.OK


def test_a_bucket_that_tells_of_some_files_only_is_asked_again_at_once(tmp_path: Path) -> None:
    class Slow(LocalBackend):
        def stat(self, name: str) -> Stat | None:
            if name == LOG:
                raise Unreachable("too late")
            return super().stat(name)

    store = CircuitBreaker(Slow(tmp_path, link), timeout=10.0, threads=2, clock=lambda: 0.0)

    assert store.stat_many([NAME, LOG]) == {NAME: None}
    assert store.stat(NAME) is None


def test_a_bucket_that_stalls_in_the_middle_of_a_file_is_unavailable(lame: Lame, emulator: Emulator) -> None:
    emulator.put(LOG, CONTENT)
    source = lame.archive.open(LOG)
    lame.wire_stalls()

    assert source is not None
    with pytest.raises(Unavailable):
        source.read(0, 10)


def test_a_bucket_that_is_not_there_does_not_make_files_missing(local: LocalBackend, emulator: Emulator) -> None:
    bucket = bucket_at(emulator.endpoint, emulator, name="no-such-bucket")
    archive = archive_of([local, bucket])

    found = archive.look([NAME])[NAME]

    assert found.status is StorageStatus.DEGRADED
    with pytest.raises(Unreachable):
        bucket.stat(NAME)


def test_a_probe_fails_unless_the_bucket_can_be_read(emulator: Emulator) -> None:
    there, gone = (
        open_bucket(name, endpoint=emulator.endpoint, key_file=None, link=link, clock=now, timeout=5.0, threads=2)
        for name in (BUCKET, "no-such-bucket"))

    there.probe()

    with pytest.raises(Unreachable):
        gone.probe()


def test_a_key_file_that_cannot_be_read_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="credentials"):
        open_bucket(BUCKET, endpoint="", key_file=tmp_path / "none.json", link=link, clock=now, timeout=1.0, threads=1)
