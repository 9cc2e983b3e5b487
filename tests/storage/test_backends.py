"""The stores of files: one suite over the disk and the bucket, and one over the archive of either or both."""
from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domain.refusal import Unavailable
from api.domain.signing import SigningKey
from api.domain.storage_status import StorageStatus
from api.domain.ticket import Ticket, read_ticket
from api.domain.worker_message import ArtifactKind
from api.storage import names
from api.storage.archive import HASHED_TO_LIST, NOWHERE, Archive, Source
from api.storage.backends import Backend, LocalBackend, Stat, Unreachable
from api.storage.bucket import open_bucket
from api.storage.files import FileStore
from api.storage.patient import PatientBackend
from tests.storage.emulator import BUCKET, Emulator, running_emulator
from tests.storage.signed_addresses import fault_of
from tests.storage.stalling import wire_to

KEY = SigningKey(b"a secret of these tests")
SITE = "https://ci.example.test/downloads/"
CONTENT = b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHello.\r\n\x00\xff\n"
NAME = names.result_name(sha256(CONTENT).hexdigest(), ".srt") or ""
LOG = names.log_name(7)
SOON = timedelta(hours=1)
PATIENCE = 0.3

every_store = pytest.mark.parametrize("store", ["local", "gcs"], indirect=True)
every_archive = pytest.mark.parametrize("kept", ["local", "gcs", "both"], indirect=True)


def now() -> datetime:
    return datetime.now(UTC)


def link(ticket: Ticket) -> str:
    return SITE + ticket.sealed(KEY)


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("bucket")) as emulator:
        yield emulator


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Emulator:
    shared_emulator.clear()
    return shared_emulator


def bucket_at(endpoint: str, emulator: Emulator, *, name: str = BUCKET, timeout: float = 10.0, signed: bool = True) -> Backend:
    return open_bucket(
        name, endpoint=endpoint, key_file=emulator.key_file if signed else None, link=link, clock=now, timeout=timeout, threads=4)


@pytest.fixture
def local(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path / "files", link)


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Backend:
    if request.param == "local":
        return request.getfixturevalue("local")  # type: ignore[no-any-return]
    emulator = request.getfixturevalue("emulator")
    return bucket_at(emulator.endpoint, emulator)


@dataclass
class Kept:
    """An archive, its stores, and what it sent on."""

    archive: Archive
    stores: list[Backend]
    files: FileStore
    sent_on: list[str]

    def receive(self, name: str, content: bytes) -> None:
        with self.files.receive() as incoming:
            incoming.write(content)
            self.archive.keep(name, incoming)
        for sent in self.sent_on:
            for store in self.stores:
                if store.name == "gcs":
                    store.put(sent, self.files.root / sent)


def archive_of(stores: list[Backend], spool: LocalBackend, send_on: Callable[[str], None] = lambda name: None) -> Archive:
    return Archive(stores, spool=spool, clock=now, link_lifetime=SOON, send_on=send_on)


@pytest.fixture
def kept(request: pytest.FixtureRequest, local: LocalBackend, emulator: Emulator, tmp_path: Path) -> Kept:
    bucket = PatientBackend(bucket_at(emulator.endpoint, emulator), timeout=10.0, threads=4)
    stores: list[Backend] = {"local": [local], "gcs": [bucket], "both": [local, bucket]}[request.param]
    sent_on: list[str] = []
    files = FileStore(tmp_path / "files")
    files.prepare()
    return Kept(archive_of(stores, local, sent_on.append), stores, files, sent_on)


class Counting(LocalBackend):
    """A disk that counts what is read of it."""

    reads = 0

    def read(self, name: str, start: int, length: int, identity: str | None = None) -> bytes:
        """Bytes of a file."""
        self.reads += 1
        return super().read(name, start, length, identity)


def source_file(folder: Path, content: bytes) -> Path:
    path = folder / "source"
    path.write_bytes(content)
    return path


def put(store: Backend, name: str, content: bytes, folder: Path) -> None:
    store.put(name, source_file(folder, content))


# Either store


@every_store
def test_what_was_put_is_there_whole_and_with_its_size(store: Backend, tmp_path: Path) -> None:
    put(store, NAME, CONTENT, tmp_path)

    found = store.stat(NAME)

    assert found is not None and found.size == len(CONTENT)
    assert store.read(NAME, 0, 1 << 20) == CONTENT


@every_store
def test_any_bytes_come_back_as_they_went_in(store: Backend, tmp_path: Path) -> None:
    @settings(max_examples=25, deadline=None, database=None)
    @given(st.binary(max_size=200) | st.sampled_from([b"\n", b"\r\n", b"--\r\n", b"a\n", b"\x00"]))
    def check(content: bytes) -> None:
        put(store, NAME, content, tmp_path)
        assert store.read(NAME, 0, len(content) + 1) == content

    check()


@every_store
def test_a_file_larger_than_a_piece_arrives_whole(store: Backend, tmp_path: Path) -> None:
    content = os.urandom(9 << 20)

    put(store, NAME, content, tmp_path)

    assert store.read(NAME, 0, len(content)) == content


@every_store
@pytest.mark.parametrize(("start", "length"), [(0, 1), (3, 4), (len(CONTENT) - 1, 10), (len(CONTENT), 5), (len(CONTENT) + 9, 5), (0, 0)])
def test_a_part_is_what_a_slice_would_be(store: Backend, tmp_path: Path, start: int, length: int) -> None:
    put(store, NAME, CONTENT, tmp_path)

    assert store.read(NAME, start, length) == CONTENT[start:start + length]


@every_store
def test_what_is_not_there_is_nothing_to_look_at_and_an_error_to_read(store: Backend) -> None:
    assert store.stat(NAME) is None
    with pytest.raises(FileNotFoundError):
        store.read(NAME, 0, 1)


@every_store
def test_a_survey_tells_of_every_name(store: Backend, tmp_path: Path) -> None:
    put(store, NAME, CONTENT, tmp_path)

    found = store.survey([NAME, LOG])

    assert found == {NAME: store.stat(NAME), LOG: None}


@every_store
def test_a_file_put_anew_has_another_version_and_cannot_be_read_as_the_old_one(store: Backend, tmp_path: Path) -> None:
    put(store, LOG, b"old", tmp_path)
    old = store.stat(LOG)
    put(store, LOG, b"new", tmp_path)
    new = store.stat(LOG)

    assert old is not None and new is not None
    assert old.version != new.version and old.identity != new.identity
    assert store.read(LOG, 0, 3, new.identity) == b"new"
    with pytest.raises(FileNotFoundError):
        store.read(LOG, 0, 3, old.identity)


@every_store
def test_a_deleted_file_is_gone_and_deleting_it_again_is_no_error(store: Backend, tmp_path: Path) -> None:
    put(store, NAME, CONTENT, tmp_path)

    store.delete(NAME)
    store.delete(NAME)

    assert store.stat(NAME) is None


@every_store
def test_a_listing_has_the_files_of_its_folder_alone(store: Backend, tmp_path: Path) -> None:
    for name in (LOG, names.test_log_name(7, 3), NAME):
        put(store, name, CONTENT, tmp_path)

    assert sorted(store.list("LogFiles/")) == ["LogFiles/7.txt", "LogFiles/7/3.txt"]


HOSTILE = [
    "", "/", "..", "../secret", "TestFiles/../../secret", "/etc/passwd", "TestFiles//x", "TestFiles/./x", "TestFiles/..", "x",
    "TestFiles/x\x00", "TestFiles/x\n", "TestFiles\\..\\x", "TestFiles/.hidden", ".ci-signing-key", "TestFiles/ä", "a/b/c/d/e/f",
    "TestFiles/" + "x" * 300]


@every_store
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_name_is_refused_by_every_method(store: Backend, tmp_path: Path, name: str) -> None:
    asked: list[Callable[[], object]] = [
        lambda: store.stat(name), lambda: store.read(name, 0, 1), lambda: store.delete(name), lambda: put(store, name, b"", tmp_path),
        lambda: store.sign(name, filename="f", content_type="text/plain", expires_at=now() + SOON)]

    for each in asked:
        with pytest.raises(ValueError, match="name of a stored file"):
            each()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40) | st.text("./\\a\x00\n", max_size=20))
def test_no_text_leads_out_of_the_root(tmp_path: Path, text: str) -> None:
    store = LocalBackend(tmp_path, link)

    for name in (text, f"TestFiles/{text}", f"{text}/x"):
        try:
            path = store.path(name)
        except ValueError:
            continue
        assert Path(os.path.normpath(path)).is_relative_to(tmp_path) and path != tmp_path


@given(st.text(max_size=80), st.text(max_size=40))
def test_a_name_made_of_any_hash_and_extension_is_a_name_or_none(digest: str, extension: str) -> None:
    made = [
        names.result_name(digest, extension), names.sample_name(digest, extension), names.media_info_name(digest),
        names.result_name("a" * 64, extension), names.sample_name("a" * 64, extension)]

    assert all(name is None or names.is_name(name) for name in made)
    assert all(name is not None for name in made[3:])


@pytest.mark.parametrize("kind", list(ArtifactKind))
def test_a_runs_own_files_have_names(kind: ArtifactKind) -> None:
    assert names.is_name(names.artifact_name(9, kind, "windows")) and names.is_name(names.test_log_name(9, 1))


def test_a_pipe_or_folder_under_a_files_name_is_no_file(local: LocalBackend) -> None:
    pipe, folder = local.path(NAME), local.path(LOG)
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    folder.mkdir(parents=True)

    assert local.survey([NAME, LOG]) == {NAME: None, LOG: None}
    with pytest.raises(FileNotFoundError):
        local.read(NAME, 0, 1)


def test_a_file_that_grew_is_still_the_same_one_in_another_version(local: LocalBackend, tmp_path: Path) -> None:
    put(local, LOG, b"first\n", tmp_path)
    before = local.stat(LOG)
    with local.path(LOG).open("ab") as file:
        file.write(b"second\n")

    after = local.stat(LOG)

    assert before is not None and after is not None
    assert (after.identity, after.size) == (before.identity, 13) and after.version != before.version
    assert local.read(LOG, 6, 100, before.identity) == b"second\n"


def test_nothing_is_left_behind_when_the_disk_is_full(local: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space"):
        put(local, LOG, CONTENT, tmp_path)

    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


# Addresses


def test_an_address_of_the_disk_is_a_ticket_for_that_file_alone(local: LocalBackend) -> None:
    expires = now().replace(microsecond=0) + SOON

    url = local.sign(NAME, filename="a.srt", content_type="text/plain", expires_at=expires)

    assert read_ticket(url.removeprefix(SITE), KEY, now()) == Ticket(NAME, "a.srt", "text/plain", expires)


def test_an_address_of_the_bucket_is_signed_and_works(emulator: Emulator, tmp_path: Path) -> None:
    store = bucket_at(emulator.endpoint, emulator)
    put(store, NAME, CONTENT, tmp_path)

    url = store.sign(NAME, filename="Ausgabe ä.srt", content_type="text/plain", expires_at=now() + SOON)
    answer = httpx.get(url)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"Ausgabe__.srt\"; filename*=UTF-8''Ausgabe%20%C3%A4.srt"


def test_an_address_of_the_bucket_works_for_no_other_file_and_not_for_ever(emulator: Emulator, tmp_path: Path) -> None:
    store = bucket_at(emulator.endpoint, emulator)
    for name in (NAME, LOG):
        put(store, name, CONTENT, tmp_path)
    url = store.sign(NAME, filename="a.srt", content_type="text/plain", expires_at=now() + SOON)
    host = f"127.0.0.1:{emulator.port}"

    assert fault_of(url, host, emulator.public_key, now() + SOON + timedelta(minutes=1)) == "Request has expired."
    assert httpx.get(url.replace(NAME, LOG)).status_code == 403
    assert httpx.get(url.replace("X-Goog-Expires=", "X-Goog-Expires=9")).status_code == 403


def test_without_a_key_to_sign_with_a_files_address_leads_through_this_server(emulator: Emulator) -> None:
    store = bucket_at(emulator.endpoint, emulator, signed=False)

    url = store.sign(NAME, filename="a.srt", content_type="text/plain", expires_at=now() + SOON)

    assert read_ticket(url.removeprefix(SITE), KEY, now()).name == NAME


# The archive of one or both


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
def test_a_file_named_by_its_content_is_never_written_over(kept: Kept) -> None:
    kept.receive(NAME, CONTENT)
    path = kept.files.root / NAME
    before = path.stat()

    kept.receive(NAME, b"something else")

    assert path.read_bytes() == CONTENT
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@every_archive
@pytest.mark.parametrize("damaged", [b"", CONTENT[:20], CONTENT[:-1] + b"?", CONTENT + b"\n"])
def test_what_came_in_takes_the_place_of_a_damaged_file_of_its_name(kept: Kept, tmp_path: Path, damaged: bytes) -> None:
    for store in kept.stores:
        put(store, NAME, damaged, tmp_path)

    kept.receive(NAME, CONTENT)

    found, source = kept.archive.look([NAME])[NAME], kept.archive.open(NAME)
    assert (found.size, found.where) == (len(CONTENT), tuple(each.name for each in kept.stores))
    assert source is not None and source.read(0, 1000) == CONTENT


def test_a_file_is_announced_before_it_takes_its_place(local: LocalBackend, emulator: Emulator, tmp_path: Path) -> None:
    there: list[bool] = []
    bucket = bucket_at(emulator.endpoint, emulator)
    archive = archive_of([local, bucket], local, lambda name: there.append(local.path(name).exists()))

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


@every_archive
def test_a_file_whose_content_is_not_what_its_name_says_is_never_served(kept: Kept, tmp_path: Path) -> None:
    for store in kept.stores:
        put(store, NAME, b"tampered with", tmp_path)

    source = kept.archive.open(NAME)
    if source is not None:
        with pytest.raises(Unavailable):
            source.read(0, source.size)

    assert kept.archive.open(NAME) is None


@every_archive
def test_a_file_that_was_read_and_found_damaged_is_not_there(kept: Kept, tmp_path: Path) -> None:
    for store in kept.stores:
        put(store, NAME, b"tampered with", tmp_path)
    source = kept.archive.open(NAME)
    if source is not None:
        with pytest.raises(Unavailable):
            source.read(0, source.size)

    assert kept.archive.look([NAME])[NAME] == NOWHERE
    assert kept.archive.url(NAME, "a.srt", "text/plain") is None


def test_a_damaged_file_on_the_disk_is_not_there_even_before_it_was_read(local: LocalBackend, tmp_path: Path) -> None:
    put(local, NAME, b"tampered with", tmp_path)

    assert archive_of([local], local).look([NAME])[NAME] == NOWHERE


def test_a_large_file_is_not_read_for_a_list(tmp_path: Path) -> None:
    store = Counting(tmp_path, link)
    large = store.path(NAME)
    large.parent.mkdir(parents=True)
    with large.open("wb") as file:
        file.truncate(HASHED_TO_LIST + 1)
    archive = archive_of([store], store)

    listed, reads = archive.look([NAME])[NAME], store.reads
    opened, listed_again = archive.open(NAME), archive.look([NAME])[NAME]

    assert (listed.size, reads) == (HASHED_TO_LIST + 1, 0)
    assert (opened, listed_again) == (None, NOWHERE)


def test_a_file_is_hashed_once_however_often_it_is_listed(tmp_path: Path) -> None:
    store = Counting(tmp_path / "files", link)
    put(store, NAME, CONTENT, tmp_path)
    archive = archive_of([store], store)

    found = [archive.look([NAME])[NAME].size for _ in range(3)]

    assert (found, store.reads) == ([len(CONTENT)] * 3, 1)


def test_a_file_that_was_hashed_while_it_came_in_is_not_hashed_again(tmp_path: Path) -> None:
    store, files = Counting(tmp_path, link), FileStore(tmp_path)
    archive = archive_of([store], store)
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

    found = archive_of([local, bucket_at(emulator.endpoint, emulator)], local).look([NAME])[NAME]

    assert (found.status, found.size, found.where) == (StorageStatus.DEGRADED, len(CONTENT), (holder,))


def test_a_log_that_grew_on_the_disk_is_in_both_stores(local: LocalBackend, emulator: Emulator, tmp_path: Path) -> None:
    put(local, LOG, b"first\nsecond\n", tmp_path)
    emulator.put(LOG, b"first\n")

    found = archive_of([local, bucket_at(emulator.endpoint, emulator)], local).look([LOG])[LOG]

    assert (found.status, found.size) == (StorageStatus.OK, 13)


def test_a_damaged_file_on_the_disk_is_served_from_the_bucket(local: LocalBackend, emulator: Emulator, tmp_path: Path) -> None:
    put(local, NAME, b"tampered with", tmp_path)
    emulator.put(NAME, CONTENT)
    archive = archive_of([local, bucket_at(emulator.endpoint, emulator)], local)

    source = archive.open(NAME)

    assert source is not None
    assert (source.backend, source.read(0, 100)) == ("gcs", CONTENT)


@pytest.mark.parametrize("holder", ["local", "gcs"])
def test_a_file_in_one_of_two_stores_is_degraded_and_served_from_there(
    local: LocalBackend, emulator: Emulator, tmp_path: Path, holder: str,
) -> None:
    bucket = bucket_at(emulator.endpoint, emulator)
    put({"local": local, "gcs": bucket}[holder], NAME, CONTENT, tmp_path)
    archive = archive_of([local, bucket], local)

    found, source = archive.look([NAME])[NAME], archive.open(NAME)

    assert (found.status, found.where) == (StorageStatus.DEGRADED, (holder,))
    assert source is not None and source.backend == holder and source.read(0, 100) == CONTENT


# A bucket that is slow, dead or not there


@dataclass
class Lame:
    """An archive whose bucket is behind a wire, and a clock that moves when it is told to."""

    archive: Archive
    store: PatientBackend
    wire_stalls: Callable[[], None]
    wire_breaks: Callable[[], None]
    wire_works: Callable[[], None]
    connections: Callable[[], int]
    ticks: list[float]


@pytest.fixture
def lame(local: LocalBackend, emulator: Emulator, tmp_path: Path) -> Iterator[Lame]:
    ticks = [0.0]
    with wire_to(emulator.port) as wire:
        store = PatientBackend(
            bucket_at(wire.endpoint, emulator, timeout=10 * PATIENCE), timeout=PATIENCE, threads=4, rest=5.0, clock=lambda: ticks[0])

        def stall(stalled: bool) -> Callable[[], None]:
            return lambda: setattr(wire, "stalled", stalled)

        put(local, NAME, CONTENT, tmp_path)
        emulator.put(NAME, CONTENT)
        yield Lame(
            archive_of([local, store], local), store, stall(True), wire.cut, stall(False), lambda: wire.connections, ticks)


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

    lame.archive.look([names.log_name(number) for number in range(1, 200)])

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

    store = PatientBackend(Slow(tmp_path, link), timeout=10.0, threads=2, clock=lambda: 0.0)

    assert store.survey([NAME, LOG]) == {NAME: None}
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
    archive = archive_of([local, bucket], local)

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
