"""The archive of the disk, the bucket or both: what is found, served, replaced and held."""
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from api.domain.errors import Unavailable
from api.domain.files.storage_status import StorageStatus
from api.storage.files.archive import HASHED_TO_LIST
from api.storage.files.backends import INCOMING, LocalBackend, staged_name
from api.storage.files.incoming import FileStore
from api.storage.files.stored_file import NOWHERE, Source
from tests.storage.files.emulator import Emulator
from tests.storage.files.file_stores import CONTENT, LOG, NAME, SITE, Counting, Kept, archive_of, bucket_at, every_archive, link, now, put


@every_archive
def test_what_came_in_is_found_in_every_store(kept: Kept) -> None:
    kept.receive(NAME, CONTENT)

    found = kept.archive.look([NAME, LOG, None])

    status = StorageStatus.OK if len(kept.stores) == 2 else StorageStatus.DEGRADED
    assert (found[NAME].status, found[NAME].size, found[NAME].where) == (status, len(CONTENT), tuple(each.name for each in kept.stores))
    assert (found[LOG].status, found[LOG].size, found[LOG].where) == (StorageStatus.MISSING, None, ())
    assert set(found) == {NAME, LOG}


@every_archive
def test_what_came_in_can_be_read_in_parts(kept: Kept) -> None:
    kept.receive(NAME, CONTENT)

    source = kept.archive.open(NAME)

    assert isinstance(source, Source) and source.size == len(CONTENT)
    assert (source.read(0, 1000), source.read(3, 4), source.read(1000, 4)) == (CONTENT, CONTENT[3:7], b"")


@every_archive
def test_what_never_came_cannot_be_opened_and_has_no_address(kept: Kept) -> None:
    assert kept.archive.open(NAME) is None
    assert kept.archive.open(None) is None
    assert kept.archive.url(NAME, "a.srt", "text/plain") is None
    assert kept.archive.url(None, "a.srt", "text/plain") is None


@every_archive
def test_what_came_in_has_an_address(kept: Kept) -> None:
    kept.receive(NAME, CONTENT)

    url = kept.archive.url(NAME, "a.srt", "text/plain")

    assert url is not None
    assert url.startswith(SITE) == ([each.name for each in kept.stores] == ["local"])


@every_archive
@pytest.mark.parametrize("content", [CONTENT, b"something else"])
def test_a_file_named_by_its_content_is_never_written_over(kept: Kept, content: bytes) -> None:
    kept.receive(NAME, CONTENT)
    before = kept.stores[0].stat(NAME)

    kept.receive(NAME, content)

    assert before is not None and kept.stores[0].stat(NAME) == before
    assert kept.stores[0].read(NAME, 0, 100) == CONTENT


def test_where_the_bucket_is_alone_nothing_stays_on_the_disk_and_nothing_waits(
    local: LocalBackend, emulator: Emulator, tmp_path: Path,
) -> None:
    announced: list[str] = []
    archive, files = archive_of([bucket_at(emulator.endpoint, emulator)], announced.append), FileStore(tmp_path / "files")

    for content in (b"first", b"second"):
        with files.receive() as incoming:
            incoming.write(content)
            archive.keep(LOG, incoming)

    assert emulator.content(LOG) == b"second"
    assert ([*local.list("")], announced) == ([], [])


def test_what_was_sent_ahead_is_sent_again_only_where_it_was_removed_meanwhile(emulator: Emulator, tmp_path: Path) -> None:
    bucket = bucket_at(emulator.endpoint, emulator)
    archive = archive_of([bucket])
    with FileStore(tmp_path / "files").receive() as incoming:
        incoming.write(CONTENT)
        with archive.staged(incoming, NAME):
            ahead = bucket.stat(NAME)
            archive.keep(NAME, incoming)
            kept = bucket.stat(NAME)
            bucket.delete(NAME)
            archive.keep(NAME, incoming)

    assert ahead is not None and kept == ahead
    assert emulator.content(NAME) == CONTENT


def test_while_a_file_is_kept_no_bytes_of_it_are_sent(emulator: Emulator, tmp_path: Path) -> None:
    archive = archive_of([bucket_at(emulator.endpoint, emulator)])
    with FileStore(tmp_path / "files").receive() as incoming:
        incoming.write(CONTENT)
        with archive.staged(incoming):
            before = len(emulator.requests)
            archive.keep(LOG, incoming)
            emulator.put(LOG, b"another's")
            archive.keep(LOG, incoming)
            asked = emulator.requests[before:]

    assert not any("/upload/" in each for each in asked)
    assert emulator.content(LOG) == CONTENT
    assert archive.list(f"{INCOMING}/") == set()


def test_what_was_staged_and_is_not_kept_is_removed(emulator: Emulator, tmp_path: Path) -> None:
    archive = archive_of([bucket_at(emulator.endpoint, emulator)])
    with FileStore(tmp_path / "files").receive() as incoming:
        incoming.write(CONTENT)
        with archive.staged(incoming):
            there = archive.list(f"{INCOMING}/")

    assert len(there) == 1
    assert archive.list("") == set()


def test_what_a_process_staged_that_was_killed_is_removed_on_the_day_after_the_next(emulator: Emulator) -> None:
    archive = archive_of([bucket_at(emulator.endpoint, emulator)])
    staged = [staged_name(now() - timedelta(days=days)) for days in range(4)]
    for name in staged:
        emulator.put(name, CONTENT)

    archive.remove_abandoned(now() - timedelta(days=1))

    assert archive.list(f"{INCOMING}/") == set(staged[:2])


@pytest.mark.parametrize("wanted", [NAME, LOG])
def test_a_bucket_that_is_alone_and_takes_nothing_makes_a_file_unavailable(emulator: Emulator, tmp_path: Path, wanted: str) -> None:
    archive = archive_of([bucket_at("http://127.0.0.1:9", emulator)])

    with FileStore(tmp_path / "files").receive() as incoming:
        incoming.write(CONTENT)
        with pytest.raises(Unavailable):
            archive.keep(wanted, incoming)


@every_archive
@pytest.mark.parametrize("damaged", [b"", CONTENT[:20], CONTENT[:-1] + b"?", CONTENT + b"\n"])
def test_what_came_in_takes_the_place_of_a_damaged_file_of_its_name(kept: Kept, tmp_path: Path, damaged: bytes) -> None:
    for store in kept.stores:
        put(store, NAME, damaged, tmp_path)
    if len(damaged) == len(CONTENT) and kept.stores[0].name == "gcs":
        # Of what is in the bucket, and has the right size, nobody knows before it is read.
        read_in_vain(kept)

    kept.receive(NAME, CONTENT)

    found, source = kept.archive.look([NAME])[NAME], kept.archive.open(NAME)
    assert (found.size, found.where) == (len(CONTENT), tuple(each.name for each in kept.stores))
    assert source is not None and source.read(0, 1000) == CONTENT


def test_a_file_is_announced_before_it_takes_its_place(local: LocalBackend, emulator: Emulator, tmp_path: Path) -> None:
    there: list[bool] = []
    bucket = bucket_at(emulator.endpoint, emulator)
    archive = archive_of([local, bucket], lambda name: there.append(local.path(name).exists()))

    with FileStore(tmp_path / "files").receive() as incoming:
        incoming.write(CONTENT)
        archive.keep(LOG, incoming)

    assert (there, local.path(LOG).exists()) == ([False], True)


@every_archive
def test_a_log_sent_again_takes_the_place_of_the_first(kept: Kept) -> None:
    kept.receive(LOG, b"first")
    first = kept.archive.open(LOG)
    kept.receive(LOG, b"second")
    second = kept.archive.open(LOG)

    assert first is not None and second is not None and second.read(0, 100) == b"second"
    with pytest.raises(Unavailable):
        first.read(0, 100)


def read_in_vain(kept: Kept) -> None:
    """Read a damaged file, where there is any to read."""
    source = kept.archive.open(NAME)
    if source is not None:
        with pytest.raises(Unavailable):
            source.read(0, source.size)


@every_archive
def test_a_file_whose_content_is_not_what_its_name_says_is_never_served(kept: Kept, tmp_path: Path) -> None:
    for store in kept.stores:
        put(store, NAME, b"tampered with", tmp_path)

    read_in_vain(kept)

    assert kept.archive.open(NAME) is None


@every_archive
def test_a_file_that_was_read_and_found_damaged_is_not_there(kept: Kept, tmp_path: Path) -> None:
    for store in kept.stores:
        put(store, NAME, b"tampered with", tmp_path)
    read_in_vain(kept)

    assert kept.archive.look([NAME])[NAME] == NOWHERE
    assert kept.archive.url(NAME, "a.srt", "text/plain") is None


def test_a_damaged_file_on_the_disk_is_not_there_even_before_it_was_read(local: LocalBackend, tmp_path: Path) -> None:
    put(local, NAME, b"tampered with", tmp_path)

    assert archive_of([local]).look([NAME])[NAME] == NOWHERE


def test_a_large_file_is_not_read_for_a_list(tmp_path: Path) -> None:
    store = Counting(tmp_path, link)
    large = store.path(NAME)
    large.parent.mkdir(parents=True)
    with large.open("wb") as file:
        file.truncate(HASHED_TO_LIST + 1)
    archive = archive_of([store])

    listed, reads = archive.look([NAME])[NAME], store.reads
    opened, listed_again = archive.open(NAME), archive.look([NAME])[NAME]

    assert (listed.size, reads) == (HASHED_TO_LIST + 1, 0)
    assert (opened, listed_again) == (None, NOWHERE)


def test_a_file_is_hashed_once_however_often_it_is_listed(tmp_path: Path) -> None:
    store = Counting(tmp_path / "files", link)
    put(store, NAME, CONTENT, tmp_path)
    archive = archive_of([store])

    found = [archive.look([NAME])[NAME].size for _ in range(3)]

    assert (found, store.reads) == ([len(CONTENT)] * 3, 1)


def test_a_file_that_was_hashed_while_it_came_in_is_not_hashed_again(tmp_path: Path) -> None:
    store, files = Counting(tmp_path, link), FileStore(tmp_path)
    archive = archive_of([store])
    for _ in range(2):
        with files.receive() as incoming:
            incoming.write(CONTENT)
            archive.keep(NAME, incoming)

    found, source = archive.look([NAME])[NAME], archive.open(NAME)

    assert (found.size, store.reads) == (len(CONTENT), 0)
    assert source is not None


@pytest.mark.parametrize(("on_disk", "in_bucket", "holder"), [
    (b"torn", CONTENT, "gcs"), (CONTENT, b"torn", "local"), (CONTENT[:-1] + b"?", CONTENT, "gcs")])
def test_of_two_files_of_a_name_the_damaged_one_is_not_there(
    local: LocalBackend, emulator: Emulator, tmp_path: Path, on_disk: bytes, in_bucket: bytes, holder: str,
) -> None:
    put(local, NAME, on_disk, tmp_path)
    emulator.put(NAME, in_bucket)

    found = archive_of([local, bucket_at(emulator.endpoint, emulator)]).look([NAME])[NAME]

    assert (found.status, found.size, found.where) == (StorageStatus.DEGRADED, len(CONTENT), (holder,))


def test_a_log_that_grew_on_the_disk_is_in_both_stores(local: LocalBackend, emulator: Emulator, tmp_path: Path) -> None:
    put(local, LOG, b"first\nsecond\n", tmp_path)
    emulator.put(LOG, b"first\n")

    found = archive_of([local, bucket_at(emulator.endpoint, emulator)]).look([LOG])[LOG]

    assert (found.status, found.size) == (StorageStatus.OK, 13)


def test_a_damaged_file_on_the_disk_is_served_from_the_bucket(local: LocalBackend, emulator: Emulator, tmp_path: Path) -> None:
    put(local, NAME, b"tampered with", tmp_path)
    emulator.put(NAME, CONTENT)
    archive = archive_of([local, bucket_at(emulator.endpoint, emulator)])

    source = archive.open(NAME)

    assert source is not None
    assert (source.backend, source.read(0, 100)) == ("gcs", CONTENT)


@pytest.mark.parametrize("holder", ["local", "gcs"])
def test_a_file_in_one_of_two_stores_is_degraded_and_served_from_there(
    local: LocalBackend, emulator: Emulator, tmp_path: Path, holder: str,
) -> None:
    bucket = bucket_at(emulator.endpoint, emulator)
    put({"local": local, "gcs": bucket}[holder], NAME, CONTENT, tmp_path)
    archive = archive_of([local, bucket])

    found, source = archive.look([NAME])[NAME], archive.open(NAME)

    assert (found.status, found.where) == (StorageStatus.DEGRADED, (holder,))
    assert source is not None and source.backend == holder and source.read(0, 100) == CONTENT


@pytest.mark.parametrize("kept", ["local", "both"], indirect=True)
def test_a_file_that_is_held_stays_the_one_it_was_while_others_take_its_name(kept: Kept) -> None:
    kept.receive(LOG, b"one version of a log")

    with kept.archive.hold(LOG) as held:
        kept.receive(LOG, b"another")
        assert held is not None
        read = [held.read(0, 3), held.read(4, 100)]
    with kept.archive.hold(LOG) as newer:
        assert newer is not None
        assert newer.read(0, 100) == b"another"

    assert read == [b"one", b"version of a log"]


@pytest.mark.parametrize("kept", ["local", "both"], indirect=True)
def test_what_was_held_is_closed_at_the_end_also_where_something_fails(kept: Kept) -> None:
    kept.receive(LOG, b"a log")

    with pytest.raises(KeyError), kept.archive.hold(LOG) as held:
        raise KeyError

    assert held is not None
    with pytest.raises(ValueError, match="closed"):
        held.read(0, 1)


@every_archive
def test_holding_what_is_nowhere_holds_nothing(kept: Kept) -> None:
    with kept.archive.hold(LOG) as held:
        assert held is None


@pytest.mark.parametrize("kept", ["gcs"], indirect=True)
def test_what_is_in_the_bucket_alone_is_read_while_it_is_held(kept: Kept) -> None:
    kept.receive(LOG, b"a log")

    with kept.archive.hold(LOG) as held:
        assert held is not None
        assert held.read(0, 100) == b"a log"
