"""The outbox of files on their way to the bucket."""
from __future__ import annotations

from datetime import timedelta
from functools import partial

from api.storage.database import transact
from api.storage.files.pending_uploads import PendingUpload, claim_uploads, count_uploads, record_failure, record_sent, record_upload
from tests.builders import NOW, minutes
from tests.databases import Database

LEASE = timedelta(minutes=15)


def claimed(at: float = 0, limit: int = 10) -> tuple[PendingUpload, ...]:
    return transact(lambda: claim_uploads(minutes(at), LEASE, limit))


def record(*names: str, at: float = 0) -> None:
    for name in names:
        transact(partial(record_upload, name, minutes(at)))


def test_what_is_recorded_is_claimed_once_the_longest_waiting_first(database: Database) -> None:
    record("LogFiles/2.txt", at=-1)
    record("LogFiles/1.txt", "LogFiles/3.txt")

    assert [upload.name for upload in claimed(limit=2)] == ["LogFiles/2.txt", "LogFiles/1.txt"]
    assert [upload.name for upload in claimed()] == ["LogFiles/3.txt"]
    assert claimed() == ()


def test_a_claim_that_nobody_ended_is_free_again_after_its_lease(database: Database) -> None:
    record("LogFiles/1.txt")
    first = claimed()

    assert claimed(at=14) == ()
    assert claimed(at=15) == first


def test_what_was_sent_waits_no_more(database: Database) -> None:
    record("LogFiles/1.txt")
    upload, = claimed()

    assert transact(lambda: record_sent(upload))
    assert count_uploads() == 0


def test_a_file_that_came_anew_while_it_was_sent_is_sent_again(database: Database) -> None:
    record("LogFiles/1.txt")
    upload, = claimed()
    record("LogFiles/1.txt", at=1)

    assert not transact(lambda: record_sent(upload))
    assert [(again.name, again.change) for again in claimed(at=1)] == [("LogFiles/1.txt", 2)]


def test_a_failure_is_repeated_later_and_later_up_to_an_hour(database: Database) -> None:
    record("LogFiles/1.txt")
    at, waits = 0.0, []
    for _ in range(12):
        upload, = claimed(at)
        transact(partial(record_failure, upload, minutes(at)))
        waits.append(upload.next_delay)
        at += upload.next_delay / timedelta(minutes=1)

    assert waits[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert waits[-2:] == [timedelta(hours=1), timedelta(hours=1)]


def test_claims_of_several_processes_never_overlap(database: Database) -> None:
    record(*(f"LogFiles/{number}.txt" for number in range(1, 21)))

    taken = database.together(*(lambda: [upload.name for upload in claimed(limit=5)] for _ in range(4)))

    assert sorted(name for names in taken for name in names) == sorted(f"LogFiles/{number}.txt" for number in range(1, 21))


def test_the_same_file_recorded_by_many_at_once_waits_once(database: Database) -> None:
    database.together(*(lambda: transact(lambda: record_upload("LogFiles/1.txt", NOW)) for _ in range(8)))

    assert [(upload.name, upload.change) for upload in claimed()] == [("LogFiles/1.txt", 8)]
