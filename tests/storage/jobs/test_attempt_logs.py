"""Logs of attempts: one suite over the disk that servers share, and over the database and the bucket."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from api.domain.errors import Conflict, Unavailable
from api.domain.jobs.job import JobStatus
from api.domain.text.log import LogFilter
from api.domain.text.log_cursor import LogPlace
from api.storage.database import session
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.log_storing import OBJECT_BYTES, UnstoredLog, list_unstored_logs, store_log
from api.storage.jobs.logs_in_database import ROW_BYTES
from api.storage.jobs.places import AttemptPlace
from api.storage.jobs.tables import JobLogRow
from api.storage.text.logs import read_page
from tests.builders import add_user
from tests.databases import Database
from tests.examples import examples
from tests.job_stores import log_of, store_in_bucket, store_on_disk
from tests.storage.files.emulator import Emulator
from tests.storage.files.file_stores import bucket_at
from tests.submitted_jobs import add_job

LINES = b"".join(b"line %d\n" % number for number in range(2000))


@pytest.fixture
def place(database: Database) -> AttemptPlace:
    """The place of a running attempt."""
    found = AttemptPlace(add_job(add_user(), JobStatus.RUNNING), 1, 1)
    session().commit()
    return found


@pytest.fixture
def in_bucket(database: Database, emulator: Emulator, tmp_path: Path) -> JobStore:
    return store_in_bucket(database.app, bucket_at(emulator.endpoint, emulator), tmp_path / "spool")


@pytest.fixture(params=["disk", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> JobStore:
    return store_on_disk(tmp_path / "files") if request.param == "disk" else request.getfixturevalue("in_bucket")


def stored(store: JobStore, place: AttemptPlace, *, is_over: bool = True) -> bool:
    """Bring a log to the bucket."""
    return store_log(UnstoredLog(place, is_over), store.files, store.spool)


def rows_of(place: AttemptPlace) -> list[tuple[int, int, bool]]:
    session().rollback()
    query = select(JobLogRow.start, JobLogRow.size, JobLogRow.is_stored).where(JobLogRow.job_id == place.job_id).order_by(JobLogRow.start)
    return [(int(start), int(size), is_stored) for start, size, is_stored in session().execute(query)]


def test_a_log_is_there_once_it_was_begun(store: JobStore, place: AttemptPlace) -> None:
    before, sizes = store.logs.open(place), store.logs.sizes([place])

    assert store.logs.append(place, 0, b"") == 0

    assert (before, sizes, log_of(store, place)) == (None, [0], b"")


def test_of_what_is_sent_again_nothing_is_doubled(store: JobStore, place: AttemptPlace) -> None:
    sizes = [store.logs.append(place, start, chunk) for start, chunk in [
        (0, b"one\n"), (0, b"one\n"), (2, b"e\ntwo\n"), (4, b"two\n"), (8, b""), (3, b"\n")]]

    assert sizes == [4, 4, 8, 8, 8, 8]
    assert log_of(store, place) == b"one\ntwo\n"


@pytest.mark.parametrize("have", [None, b"", b"one\n"])
def test_where_bytes_before_are_missing_nothing_is_appended_and_the_size_told(
    store: JobStore, place: AttemptPlace, have: bytes | None,
) -> None:
    if have is not None:
        store.logs.append(place, 0, have)

    with pytest.raises(Conflict) as missing:
        store.logs.append(place, 9, b"behind a gap")

    assert missing.value.details["size"] == len(have or b"")
    assert log_of(store, place) in (have, b"")


def test_any_chunks_at_any_places_make_the_log_that_was_sent(store: JobStore, place: AttemptPlace) -> None:
    numbers = iter(range(1, 10**6))

    @settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.integers(0, len(LINES)), st.integers(0, 3 * ROW_BYTES), st.sampled_from(["all", "part", ""])), max_size=8))
    def check(sends: list[tuple[int, int, str]]) -> None:
        own, have = AttemptPlace(place.job_id, 1, next(numbers) + 1), 0
        for start, length, then in sends:
            chunk, start = LINES[min(start, have):][:length], min(start, have)
            have = max(have, start + len(chunk))
            assert store.logs.append(own, start, chunk) == have
            if then:
                stored(store, own, is_over=then == "all")
            log = store.logs.open(own)
            assert log is not None and log.size == have
            assert log.read(0, have) == LINES[:have]
            middle = have // 2
            assert (log.read(middle, 100), log.read(have, 5)) == (LINES[middle:have][:100], b"")

    check()


def test_of_senders_of_the_same_bytes_at_once_one_appends_them(store: JobStore, place: AttemptPlace, database: Database) -> None:
    cuts = [sorted(Random(seed).sample(range(len(LINES)), 30)) for seed in range(3)]

    def send(cut: list[int]) -> None:
        with database.app.app_context():
            for start, end in zip([0, *cut], [*cut, len(LINES)], strict=True):
                store.logs.append(place, start, LINES[start:end])

    with ThreadPoolExecutor(3) as pool:
        for sent in [pool.submit(send, cut) for cut in cuts]:
            sent.result()

    assert log_of(store, place) == LINES


def test_attempts_have_logs_of_their_own_and_are_found_by_their_number(store: JobStore, place: AttemptPlace) -> None:
    again = AttemptPlace(place.job_id, 1, 3)
    for each, content in ((place, b"put back\n"), (again, b"first\n"), (AttemptPlace(place.job_id, 2, 5), b"second\n")):
        store.logs.append(each, 0, content)

    assert store.logs.find(place.job_id, 1) == again
    assert log_of(store, store.logs.find(place.job_id, 2)) == b"second\n"
    assert store.logs.find(place.job_id, 7).fence == 0
    assert store.logs.sizes([again, AttemptPlace(place.job_id, 7, 0), place]) == [6, 0, 9]


def test_a_page_of_lines_is_the_same_wherever_they_are(store: JobStore, place: AttemptPlace) -> None:
    store.logs.append(place, 0, LINES)
    log = store.logs.open(place)
    assert log is not None

    page = read_page(log, LogPlace(LINES.index(b"line 1500\n")), 3, LogFilter())

    assert [line.message for line in page.lines] == ["line 1500", "line 1501", "line 1502"]


def test_a_log_that_was_removed_is_not_there(store: JobStore, place: AttemptPlace) -> None:
    store.logs.append(place, 0, LINES)
    stored(store, place)

    store.logs.remove(place.job_id)
    store.files.remove_all(f"Jobs/{place.job_id}/")

    assert (store.logs.open(place), store.logs.sizes([place])) == (None, [0])


def test_chunks_share_a_row_while_that_is_small(in_bucket: JobStore, place: AttemptPlace) -> None:
    size = 0
    for length in (0, 100, 200, ROW_BYTES, 50, 60, 3 * ROW_BYTES):
        size = in_bucket.logs.append(place, size, b"x" * length)

    assert [size for _, size, _ in rows_of(place)] == [300 + ROW_BYTES, 110 + 3 * ROW_BYTES]


def test_a_long_log_is_stored_while_it_grows_but_for_its_last_row(in_bucket: JobStore, place: AttemptPlace) -> None:
    content = Random(1).randbytes(OBJECT_BYTES + (1 << 20) + 5)
    for start in range(0, len(content), 1 << 20):
        in_bucket.logs.append(place, start, content[start:start + (1 << 20)])
    due = list_unstored_logs(9)
    before = in_bucket.logs.open(place)

    assert due == [UnstoredLog(place, is_over=False)] and before is not None
    assert stored(in_bucket, place, is_over=False)
    assert list_unstored_logs(9) == []
    in_bucket.logs.append(place, len(content), b"and more\n")

    assert rows_of(place) == [(0, len(content) - 5, True), (len(content) - 5, 14, False)]
    assert log_of(in_bucket, place) == content + b"and more\n"
    assert before.read(0, len(content)) == content


@pytest.mark.parametrize("content", [b"", b"a line\n"])
def test_all_of_a_log_that_is_over_is_stored_and_that_once(in_bucket: JobStore, database: Database, content: bytes) -> None:
    place = AttemptPlace(add_job(add_user(), JobStatus.FAILED), 1, 1)
    session().commit()
    in_bucket.logs.append(place, 0, content)

    due = list_unstored_logs(9)
    results = [store_log(log, in_bucket.files, in_bucket.spool) for log in [*due, *due]]

    assert (due, results) == ([UnstoredLog(place, is_over=True)], [True, False])
    assert rows_of(place) == [(0, len(content), True)]
    assert log_of(in_bucket, place) == content
    assert in_bucket.logs.append(place, 0, content) == len(content)
    session().rollback()
    assert list_unstored_logs(9) == []


def test_an_attempt_whose_claim_has_passed_on_is_over(in_bucket: JobStore, place: AttemptPlace) -> None:
    before = AttemptPlace(place.job_id, 1, 0)
    in_bucket.logs.append(before, 0, b"lost\n")
    in_bucket.logs.append(place, 0, b"runs\n")

    assert list_unstored_logs(9) == [UnstoredLog(before, is_over=True)]


def test_a_chunk_that_comes_while_a_log_is_stored_is_not_lost(
    in_bucket: JobStore, place: AttemptPlace, monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_bucket.logs.append(place, 0, b"one\n")
    keep = in_bucket.files.keep

    def append_meanwhile(*arguments: object) -> None:
        keep(*arguments)  # type: ignore[arg-type]
        in_bucket.logs.append(place, 4, b"two\n")

    with monkeypatch.context() as patch:
        patch.setattr(in_bucket.files, "keep", append_meanwhile)
        first = stored(in_bucket, place)
    kept = log_of(in_bucket, place)

    assert (first, kept, stored(in_bucket, place), log_of(in_bucket, place)) == (False, b"one\ntwo\n", True, b"one\ntwo\n")


def test_while_the_bucket_is_away_logs_grow_and_are_read(
    database: Database, place: AttemptPlace, emulator: Emulator, tmp_path: Path,
) -> None:
    away = store_in_bucket(database.app, bucket_at("http://127.0.0.1:9", emulator), tmp_path / "spool")
    away.logs.append(place, 0, b"one\n")

    with pytest.raises(Unavailable):
        stored(away, place)
    away.logs.append(place, 4, b"two\n")

    assert log_of(away, place) == b"one\ntwo\n"


def test_of_stored_bytes_whose_object_is_gone_nothing_is_made_up(in_bucket: JobStore, place: AttemptPlace) -> None:
    in_bucket.logs.append(place, 0, b"one\n")
    stored(in_bucket, place)
    in_bucket.files.remove_all(f"Jobs/{place.job_id}/")

    log = in_bucket.logs.open(place)

    assert log is not None
    with pytest.raises(Unavailable):
        log.read(0, 4)


def test_no_log_takes_more_statements_however_many_are_followed(in_bucket: JobStore, database: Database) -> None:
    owner = add_user()
    places = [AttemptPlace(add_job(owner, JobStatus.RUNNING), 1, 1) for _ in range(30)]
    session().commit()
    for each in places:
        in_bucket.logs.append(each, 0, b"a line\n")

    counts = []
    for asked in (places[:1], places):
        with database.counted() as statements:
            assert in_bucket.logs.sizes(asked) == [7] * len(asked)
        counts.append(len(statements))

    assert counts == [1, 1]
    assert session().execute(select(func.count()).select_from(JobLogRow)).scalar_one() == 30


def test_a_chunk_asks_nothing_of_the_bucket_and_an_object_and_a_page_a_bounded_number_of_times(
    in_bucket: JobStore, place: AttemptPlace, emulator: Emulator,
) -> None:
    line = b"x" * 99 + b"\n"
    many, counts = line * (1 << 13), list[int]()
    emulator.requests.clear()
    for objects in range(1, 4):
        for _ in range(7):
            [size] = in_bucket.logs.sizes([place])
            in_bucket.logs.append(place, size, many)
        appended = len(emulator.requests)
        assert stored(in_bucket, place, is_over=objects == 3)
        counts += [appended, len(emulator.requests)]
        emulator.requests.clear()
    log, pages = in_bucket.logs.open(place), list[int]()
    assert log is not None and sum(is_stored for *_, is_stored in rows_of(place)) == 3
    for start in (0, 6 * len(many) - 500, log.size // 2 // 100 * 100, log.size - 500):
        fresh = in_bucket.logs.known(place, log.size)
        assert len(read_page(fresh, LogPlace(start), 100, LogFilter()).lines) == min(100, (log.size - start) // 100)
        pages.append(len(emulator.requests))
        emulator.requests.clear()

    # A look whether it is there, and an upload; before its first one the library asks what the bucket is.
    assert counts == [0, 3, 0, 2, 0, 2]
    # Of each of two objects at most a look and its bytes, and the same of the log's beginning.
    assert max(pages) <= 6
