"""The page of a job in a real browser, with a server whose jobs the test runs by hand."""
from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from api.domain.auth.access import Role
from api.domain.jobs.job import Job, JobReason, JobStatus, end_message, outcome_of
from api.jobs.files import AttemptFiles, JobFiles
from api.storage.database import transact
from api.storage.jobs.jobs import claim_job, finish_job, submit_job
from tests.builders import add_token, add_user
from tests.databases import opened
from tests.e2e.chromium import asked, awaited, console, elsewhere, find
from tests.e2e.installation import Installation
from tests.e2e.log_page import Reader

RED, GREEN, RESET = "\x1b[31m", "\x1b[32m", "\x1b[0m"
FIRST = ["Installing dependencies...", "done 100%"]
FIRST_BYTES = b"Installing dependencies...\ndone  10%\rdone  50%\rdone 100%\n"
REPORT = (
    f"test_sums.py::test_two_and_two {RED}FAILED{RESET}\ntest_sums.py::test_three {GREEN}PASSED{RESET}\n"
    f"{RED}______ test_two_and_two ______{RESET}\nE   <b>assert</b> 5 == 4\n").encode()
JUNIT = {
    "tests": 2, "failures": 1, "errors": 0, "skipped": 0, "seconds": 0.25,
    "failed": [{"name": "test_two_and_two", "classname": "test_sums", "message": "<b>assert</b> 5 == 4"}]}
NOT_PASSED = end_message(JobReason.EXIT_CODE, 1)


@dataclass
class Owner:
    """Somebody who has jobs, which nobody runs but the test."""

    installation: Installation
    user_id: int
    token: str

    @classmethod
    def of(cls, installation: Installation) -> Owner:
        """A new account of an installation."""
        with opened(installation.database_url, migrated=False):
            user_id = add_user(role=Role.TESTER)
            return cls(installation, user_id, add_token(user_id, now=datetime.now(UTC)))

    def submit(self) -> str:
        """A job that waits, before all others; its id."""
        job = Job(str(uuid4()), self.user_id, JobStatus.QUEUED, datetime.now(UTC), priority=10)
        with opened(self.installation.database_url, migrated=False):
            transact(lambda: submit_job(job))
        return job.job_id

    def start(self, job_id: str) -> Attempt:
        """Claim the job, which is the next."""
        now = datetime.now(UTC)
        with opened(self.installation.database_url, migrated=False):
            claimed = transact(lambda: claim_job("hand", now=now, lease_until=now + timedelta(days=1), per_owner=100))
        assert claimed is not None and claimed.job_id == job_id
        files = JobFiles(self.installation.files).attempt(job_id, claimed.attempt, claimed.attempt_fence)
        files.artifacts.mkdir(parents=True)
        return Attempt(self.installation, claimed, files)


@dataclass
class Attempt:
    """An attempt in the test's hands."""

    installation: Installation
    job: Job
    files: AttemptFiles

    def write(self, content: bytes) -> None:
        """Print something."""
        with self.files.log.open("ab") as log:
            log.write(content)

    def finish(self, exit_code: int, junit: dict[str, Any] | None = None) -> None:
        """End the job, with a report where there is one."""
        kept = []
        if junit is not None:
            self.files.artifacts.joinpath(f"{'0' * 64}-13").write_text("<testsuites/>")
            kept = [{"name": "report.xml", "size_bytes": 13, "sha256": "0" * 64, "kind": "junit"}]
        self.files.manifest.write_text(json.dumps({"artifacts": kept, "junit": junit, "left_out": 0}))
        with opened(self.installation.database_url, migrated=False):
            outcome = replace(outcome_of(JobReason.EXIT_CODE, exit_code), tests=1)
            assert transact(lambda: finish_job(self.job.job_id, self.job.fence, outcome, datetime.now(UTC)))


@pytest.fixture(scope="module")
def shared(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation whose jobs no agent runs, with a server that the module's tests share."""
    folder = tmp_path_factory.mktemp("jobs")
    made = Installation(folder, f"sqlite:///{shutil.copy(sqlite_template, folder / 'ci.db')}", changes={"CI_JOBS": "separate"})
    with made.server():
        yield made


@pytest.fixture(scope="module")
def owner(shared: Installation) -> Owner:
    """An owner of jobs on that server."""
    return Owner.of(shared)


@pytest.fixture
def reader(browser: WebDriver, shared: Installation) -> Reader:
    """Somebody at its pages."""
    return Reader(browser, shared.url)


def test_a_job_is_watched_from_the_queue_to_its_failed_tests(reader: Reader, owner: Owner, shared: Installation) -> None:
    job_id = owner.submit()

    reader.go(f"/jobs/{job_id}/view")
    reader.show(owner.token)
    reader.sees("#badge", "queued")
    place = reader.text("#facts")
    attempt = owner.start(job_id)
    attempt.write(FIRST_BYTES)
    reader.reads(FIRST)
    reader.sees("#badge", "running")
    attempt.write(REPORT)
    attempt.finish(1, JUNIT)
    reader.sees("#failures-title", "1 test of 2 did not pass")
    reader.press("#failures-list button")

    assert "place 1" in place
    assert reader.text("#badge") == "completed: not passed"
    awaited(reader.browser, lambda: reader.count(".row.target") == 1, "the failed test's line")
    assert reader.text(".row.target .text") == "______ test_two_and_two ______"
    assert reader.lines()[-2:] == ["E   <b>assert</b> 5 == 4", NOT_PASSED]
    assert reader.browser.current_url.endswith("#L5")
    assert reader.count("#failures-list b") == 0
    assert elsewhere(asked(reader.browser), shared.url) == []
    assert owner.token not in reader.kept()
    assert console(reader.browser) == []


def test_the_log_and_the_artifacts_can_be_saved(reader: Reader, owner: Owner, tmp_path: Path) -> None:
    job_id = owner.submit()
    attempt = owner.start(job_id)
    attempt.write(FIRST_BYTES + REPORT)
    attempt.finish(1, JUNIT)
    reader.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})  # type: ignore[attr-defined]

    reader.go(f"/jobs/{job_id}/view")
    reader.show(owner.token)
    reader.sees("#files", "1 artifact")
    reader.press("#files summary")
    reader.press("#files-list button")
    reader.press("#links button:last-child")
    log, report = tmp_path / f"{job_id}.log", tmp_path / "report.xml"
    awaited(reader.browser, lambda: log.exists() and report.exists(), "both files")

    assert log.read_bytes().startswith(FIRST_BYTES + REPORT)
    assert report.read_text() == "<testsuites/>"
    assert console(reader.browser) == []


def test_a_strangers_job_is_not_there(reader: Reader, owner: Owner, shared: Installation) -> None:
    job_id = owner.submit()

    reader.go(f"/jobs/{job_id}/view")
    reader.show(Owner.of(shared).token)
    reader.sees("#door-wrong", "There is no such thing here, or it is not yours.")
    reader.show(owner.token)

    reader.sees("#badge", "queued")
    owner.start(job_id).finish(0)


@pytest.mark.verify
def test_of_a_long_log_the_newest_lines_are_shown(reader: Reader, owner: Owner) -> None:
    job_id = owner.submit()
    attempt = owner.start(job_id)
    attempt.write(b"".join(b"line %d\n" % number for number in range(1, 60_001)))
    attempt.finish(0)

    reader.go(f"/jobs/{job_id}/view")
    reader.show(owner.token)
    awaited(reader.browser, lambda: reader.text("#size") == "60,001 lines" and reader.lines()[-2] == "line 60000", "the newest lines")
    numbers = reader.numbers()

    assert 49_000 <= len(numbers) <= 50_000
    assert numbers == list(range(60_002 - len(numbers), 60_002))
    assert f"The {numbers[0] - 1:,} lines before" in reader.text("#earlier")
    assert find(reader.browser, "#log").is_displayed()


@pytest.mark.verify
def test_a_job_is_watched_across_a_servers_end_without_a_line_lost_or_doubled(
    browser: WebDriver, sqlite_path: Path, tmp_path: Path,
) -> None:
    installation = Installation(tmp_path, f"sqlite:///{sqlite_path}", changes={"CI_JOBS": "separate"})
    owner, reader = Owner.of(installation), Reader(browser, installation.url)
    job_id = owner.submit()
    attempt = owner.start(job_id)
    lines = [f"line {number}" for number in range(1, 31)]

    with installation.server() as server:
        attempt.write("".join(f"{line}\n" for line in lines[:10]).encode() + b"line")
        reader.go(f"/jobs/{job_id}/view")
        reader.show(owner.token)
        reader.reads([*lines[:10], "line"])
        server.kill()
    reader.sees("#notice", "Reconnecting")
    attempt.write(b" 11\n" + "".join(f"{line}\n" for line in lines[11:20]).encode())
    with installation.server():
        reader.reads(lines[:20])
        attempt.write("".join(f"{line}\n" for line in lines[20:]).encode())
        attempt.finish(0)
        reader.reads([*lines, end_message(JobReason.EXIT_CODE, 0)])
        reader.sees("#badge", "completed: passed")

        # As long as there is a server that the page can ask.
        assert reader.numbers() == list(range(1, 32))
        assert reader.text("#notice") == ""
