"""The sender of files to the bucket: until each is there, and nobody's post waits for it."""
from __future__ import annotations

import errno
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from api.background.uploader import Uploader
from api.storage.database import session, transact
from api.storage.files.backends import LocalBackend, Stat, Unreachable
from api.storage.files.paths import log_name, result_name
from api.storage.files.pending_uploads import count_uploads, record_upload
from api.supervision.loop import Background
from tests.builders import NOW
from tests.databases import Database

LOG = log_name(1)
OUTPUT = "an output"
RESULT = result_name(sha256(OUTPUT.encode()).hexdigest(), ".srt") or ""


class FakeBucket(LocalBackend):
    """A bucket on the disk, which may be away, and counts what is put into it."""

    name = "gcs"

    def __init__(self, root: Path) -> None:
        super().__init__(root, lambda ticket: "")
        self.away = False
        self.puts: list[str] = []

    def put(self, name: str, source: Path) -> None:
        """Store a file, unless it is away."""
        if self.away:
            raise Unreachable("away")
        self.puts.append(name)
        super().put(name, source)


@dataclass
class Post:
    """An uploader with its stores and its clock."""

    local: LocalBackend
    bucket: FakeBucket
    uploader: Uploader
    now: list[datetime] = field(default_factory=list)

    def arrive(self, name: str, content: str, folder: Path) -> None:
        source = folder / "source"
        source.write_text(content)
        self.local.put(name, source)
        transact(partial(record_upload, name, self.now[0]))

    def send_due(self) -> int:
        """Send everything that is due now."""
        return sum(iter(self.uploader.send_due, None))


def waiting() -> int:
    """How many files wait now."""
    session().rollback()
    return count_uploads()


def make_post(database: Database, folder: Path, *, bucket: type[FakeBucket] = FakeBucket) -> Post:
    now = [NOW]
    local, far = LocalBackend(folder / "disk", lambda ticket: ""), bucket(folder / "bucket")
    uploader = Uploader(database.app, local, far, clock=lambda: now[0])
    return Post(local, far, uploader, now)


@pytest.fixture
def post(sqlite_database: Database, tmp_path: Path) -> Post:
    return make_post(sqlite_database, tmp_path)


def test_what_arrived_is_brought_to_the_bucket_and_stays_on_the_disk(post: Post, tmp_path: Path) -> None:
    post.arrive(LOG, "the log", tmp_path)

    assert post.send_due() == 1
    assert post.bucket.read(LOG, 0, 100) == post.local.read(LOG, 0, 100) == b"the log"
    assert waiting() == 0


def test_a_bucket_that_is_away_is_tried_again_until_it_is_there(post: Post, tmp_path: Path) -> None:
    post.arrive(LOG, "the log", tmp_path)
    post.bucket.away = True
    assert (post.send_due(), waiting()) == (0, 1)

    post.bucket.away = False
    assert post.send_due() == 0
    post.now[0] += timedelta(seconds=5)

    assert (post.send_due(), waiting()) == (1, 0)


def test_an_output_that_the_bucket_has_already_is_not_sent_again(post: Post, tmp_path: Path) -> None:
    for _ in range(2):
        post.arrive(RESULT, OUTPUT, tmp_path)
        post.send_due()

    assert post.bucket.puts == [RESULT]


def test_an_output_that_is_damaged_on_the_disk_never_comes_to_the_bucket(post: Post, tmp_path: Path) -> None:
    post.arrive(RESULT, OUTPUT[:4], tmp_path)

    assert (post.send_due(), waiting()) == (0, 0)
    assert post.bucket.puts == []


def test_an_output_takes_the_place_of_a_damaged_one_in_the_bucket(post: Post, tmp_path: Path) -> None:
    (tmp_path / "torn").write_text(OUTPUT[:4])
    LocalBackend.put(post.bucket, RESULT, tmp_path / "torn")
    post.arrive(RESULT, OUTPUT, tmp_path)

    assert post.send_due() == 1
    assert post.bucket.read(RESULT, 0, 100) == OUTPUT.encode()


def test_a_log_that_came_anew_is_sent_again(post: Post, tmp_path: Path) -> None:
    for content in ("first", "second"):
        post.arrive(LOG, content, tmp_path)
        post.send_due()

    assert post.bucket.read(LOG, 0, 100) == b"second"


def test_a_file_that_is_gone_from_the_disk_is_given_up(post: Post, tmp_path: Path) -> None:
    post.arrive(LOG, "the log", tmp_path)
    post.local.delete(LOG)

    assert (post.send_due(), waiting()) == (0, 0)


@pytest.mark.parametrize("fault", [RuntimeError("a fault of the library"), UnicodeError(), MemoryError(), OSError()], ids=repr)
def test_a_file_that_brings_out_a_fault_holds_up_no_other_and_is_tried_again(
    sqlite_database: Database, tmp_path: Path, fault: Exception,
) -> None:
    class Faulty(FakeBucket):
        def put(self, name: str, source: Path) -> None:
            if name == LOG and fault in self.faults:
                self.faults.remove(fault)
                raise fault
            super().put(name, source)

        faults = [fault]

    post = make_post(sqlite_database, tmp_path, bucket=Faulty)
    for name in (LOG, log_name(2), log_name(3)):
        post.arrive(name, "a log", tmp_path)

    first = post.send_due()
    post.now[0] += timedelta(minutes=1)
    second = post.send_due()

    assert (first, second, waiting()) == (2, 1, 0)


def test_the_uploader_goes_on_after_a_disk_and_a_database_that_were_away(sqlite_database: Database, tmp_path: Path) -> None:
    class Away(LocalBackend):
        def stat(self, name: str) -> Stat | None:
            raise OSError(errno.ESTALE, "Stale file handle")

    post = make_post(sqlite_database, tmp_path)
    post.arrive(LOG, "the log", tmp_path)
    background = Background()
    broken = Uploader(
        sqlite_database.app, Away(tmp_path / "disk", lambda ticket: ""), post.bucket, clock=lambda: post.now[0])
    background.add([each.task(every=30, wake=threading.Event()) for each in (broken, post.uploader)])
    disk, database = background._loops
    transact(lambda: session().execute(text("ALTER TABLE ci_pending_upload RENAME TO away")))
    pauses = [disk.run_once(), database.run_once()]
    transact(lambda: session().execute(text("ALTER TABLE away RENAME TO ci_pending_upload")))
    pauses += [disk.run_once(), disk.run_once()]
    post.now[0] += timedelta(minutes=1)
    pauses += [database.run_once(), database.run_once()]

    assert pauses == [30, 30, 0, 30, 0, 30]
    assert post.bucket.puts == [LOG]
