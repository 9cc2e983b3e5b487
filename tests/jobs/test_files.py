"""Where the files of jobs lie, and how they are written."""
from __future__ import annotations

import fcntl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason
from api.jobs.files import AttemptFiles, JobFiles

JOB = "550e8400-e29b-41d4-a716-446655440000"
NOW = datetime(2025, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptFiles:
    files = JobFiles(tmp_path).attempt(JOB, 1, 3)
    files.prepare({"fence": 3}, NOW)
    return files


def test_an_attempts_files_lie_in_a_folder_that_carries_its_fence(attempt: AttemptFiles, tmp_path: Path) -> None:
    assert attempt.folder == tmp_path / "Jobs" / JOB / "1-3"
    assert attempt.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("job_id", ["", "..", "../x", JOB.upper(), JOB + "\n", JOB[:-1] + "٣"])
def test_what_is_no_job_id_names_no_folder(job_id: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the id of a job"):
        JobFiles(tmp_path).job(job_id)


def test_a_lease_is_rewritten(attempt: AttemptFiles) -> None:
    later = NOW.replace(minute=1)

    attempt.renew(later)

    assert attempt.lease_until() == later


def test_without_a_lease_there_is_no_deadline(tmp_path: Path) -> None:
    assert AttemptFiles(tmp_path).lease_until() is None


def test_an_exit_record_is_read_as_it_was_written(attempt: AttemptFiles) -> None:
    record = ExitRecord(3, JobReason.EXIT_CODE, NOW, NOW, exit_code=1)

    attempt.write_exit(record)

    assert attempt.read_exit() == record


def test_an_attempt_without_an_exit_record_has_none(attempt: AttemptFiles) -> None:
    assert attempt.read_exit() is None


def test_writing_leaves_no_other_file(attempt: AttemptFiles) -> None:
    attempt.renew(NOW)

    assert sorted(path.name for path in attempt.folder.iterdir()) == ["lease.json", "spec.json"]


def test_an_attempt_is_supervised_while_its_lock_is_held(attempt: AttemptFiles) -> None:
    before = attempt.is_supervised()
    with attempt.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        during = attempt.is_supervised()

    assert (before, during, attempt.is_supervised()) == (False, True, False)


def test_attempts_are_listed_oldest_first(tmp_path: Path) -> None:
    files = JobFiles(tmp_path)
    for attempt, fence in ((10, 12), (2, 4), (1, 1)):
        files.attempt(JOB, attempt, fence).prepare({}, NOW)

    assert [each.folder.name for each in files.attempts(JOB)] == ["1-1", "2-4", "10-12"]
