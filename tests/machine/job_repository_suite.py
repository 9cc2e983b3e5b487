"""What every repository of jobs does, whether it asks a server or stands in for one."""
from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from api.domain.jobs.artifact_limit import ArtifactLimit
from api.domain.jobs.claimed_job import ClaimedJob, JobEnd
from api.domain.jobs.job import Job, JobReason, JobStatus, ProjectZip, RepeatReason
from api.domain.jobs.orders import Orders
from api.domain.runs.machine import ClaimState
from api.jobs.agent.job_repository import ClaimPassed, JobRepository, ProjectGone
from api.storage.database import session, transact
from api.storage.jobs import agents, jobs
from api.storage.jobs.artifacts import open_artifact, read_manifest
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.places import AttemptPlace, project_name
from tests.builders import NOW
from tests.job_stores import keep_project, log_of

CONDITION = {"slots": 2, "running": 0, "sandbox": "bubblewrap", "trouble": None, "missing": ["cpus: none"]}
ONE = sha256(b"one").hexdigest()
ZIP = ProjectZip(sha256(b"a zip").hexdigest(), 5)


class JobRepositorySuite:
    """The fixture `repository` is a machine's; `store` is the server's, `owner` an account there."""

    @pytest.fixture
    def submit(self, store: JobStore, owner: int) -> Callable[..., str]:
        def submit(**changes: object) -> str:
            job = Job(str(uuid4()), owner, JobStatus.QUEUED, NOW, zip=ZIP, **changes)  # type: ignore[arg-type]
            keep_project(store, job.job_id, b"a zip")
            transact(lambda: jobs.submit_job(job))
            session().rollback()
            return job.job_id

        return submit

    def test_nothing_is_claimed_where_nothing_waits(self, repository: JobRepository) -> None:
        assert repository.claim(1) is None
        assert repository.held() == []

    def test_a_claimed_job_has_all_that_is_needed(
        self, repository: JobRepository, submit: Callable[..., str], owner: int, tmp_path: Path,
    ) -> None:
        job_id = submit(orders=Orders(command="make test", artifacts=("*.xml",)))

        job = claimed(repository)
        repository.fetch_project(job, tmp_path / "project.zip")

        assert (job.job_id, job.attempt, job.fence, job.owner_id) == (job_id, 1, 1, owner)
        assert job.orders == Orders(command="make test", artifacts=("*.xml",))
        assert (tmp_path / "project.zip").read_bytes() == b"a zip"
        assert repository.held() == [job]

    def test_a_project_that_was_removed_is_missed(
        self, repository: JobRepository, submit: Callable[..., str], store: JobStore, tmp_path: Path,
    ) -> None:
        job_id = submit()
        job = claimed(repository)
        store.files.remove(project_name(job_id))

        with pytest.raises(ProjectGone):
            repository.fetch_project(job, tmp_path / "project.zip")

    def test_claims_are_renewed_until_they_are_lost(self, repository: JobRepository, submit: Callable[..., str]) -> None:
        first = submit(), submit()
        one, two = claimed(repository), claimed(repository)
        transact(lambda: jobs.cancel_job(one.job_id, NOW))

        states, seconds = repository.renew([one.claim, two.claim], CONDITION)
        repository.give_up(two, began=True)
        later, _ = repository.renew([two.claim], None)

        assert first and seconds == 60
        assert states == {one.claim: ClaimState.CANCELLED, two.claim: ClaimState.HELD}
        assert later == {two.claim: ClaimState.LOST}
        session().rollback()
        (known,) = agents.list_agents()
        assert (known.slots, known.sandbox, known.missing) == (2, "bubblewrap", ("cpus: none",))

    def test_who_leaves_keeps_its_claims_for_long_and_is_known_no_longer(
        self, repository: JobRepository, submit: Callable[..., str],
    ) -> None:
        submit()
        job = claimed(repository)
        repository.renew([job.claim], CONDITION)

        states, seconds = repository.leave([job.claim])

        assert (states, seconds) == ({job.claim: ClaimState.HELD}, 900)
        session().rollback()
        assert agents.list_agents() == []

    def test_a_log_is_appended_to_once_however_often_a_chunk_comes(
        self, repository: JobRepository, submit: Callable[..., str], store: JobStore,
    ) -> None:
        submit()
        job = claimed(repository)

        sizes = [repository.append_log(job, offset, chunk)[0] for offset, chunk in [
            (0, b""), (0, b"one\n"), (0, b"one\n"), (2, b"e\ntwo\n"), (100, b"behind a gap"), (4, b"two\n"), (8, b"")]]

        assert sizes == [0, 4, 4, 8, 8, 8, 8]
        assert log_of(store, AttemptPlace(job.job_id, 1, 1)) == b"one\ntwo\n"

    def test_a_cancel_is_told_with_the_log(self, repository: JobRepository, submit: Callable[..., str]) -> None:
        submit()
        job = claimed(repository)
        before = repository.append_log(job, 0, b"")[1]
        transact(lambda: jobs.cancel_job(job.job_id, NOW))

        assert (before, repository.append_log(job, 0, b"")[1]) == (ClaimState.HELD, ClaimState.CANCELLED)

    def test_a_job_ends_with_what_it_left(
        self, repository: JobRepository, submit: Callable[..., str], store: JobStore, tmp_path: Path,
    ) -> None:
        job_id = submit()
        job = claimed(repository)
        (tmp_path / "one").write_bytes(b"one")
        (tmp_path / "two").write_bytes(b"wanted by nobody")
        report = {"tests": 3, "failures": 1, "errors": 0, "skipped": 0, "seconds": 0.5, "failed": [], "incomplete": False}
        kept = [{"name": name, "kind": "file", "size_bytes": 3, "sha256": ONE} for name in ("a/one", "b")]

        repository.append_log(job, 0, b"a line\n")
        refused = [repository.send_artifact(job, ONE, tmp_path / "one") for _ in range(2)]
        repository.send_artifact(job, sha256(b"wanted by nobody").hexdigest(), tmp_path / "two")
        for _ in range(2):
            repository.finish(job, JobEnd(JobReason.EXIT_CODE, 1, 7, kept, report, 2, ["file_size"]))

        session().rollback()
        over, place = jobs.load_job(job_id), AttemptPlace(job_id, 1, 1)
        artifacts = [open_artifact(store.files, place, name) for name in ("a/one", "b", "two")]
        assert refused == [None, None]
        assert (over.status, over.success, over.exit_code, over.tests, over.failed_tests) == (JobStatus.COMPLETED, False, 1, 3, 1)
        assert over.kept_bytes == 7 + 3
        assert [found and found.read(0, 9) for found in artifacts] == [b"one", b"one", None]
        assert read_manifest(store.files, place) == {"artifacts": kept, "junit": report, "left_out": 2, "limits_hit": ["file_size"]}
        assert store.files.list(place.artifacts) == {place.artifact(ONE, 3)}

    def test_an_artifact_beyond_the_accounts_room_is_not_kept(
        self, small: JobRepository, submit: Callable[..., str], tmp_path: Path,
    ) -> None:
        submit()
        job = claimed(small)
        content = bytes(1 << 20)
        (tmp_path / "large").write_bytes(content)

        sent = [small.send_artifact(job, sha256(content).hexdigest(), tmp_path / "large") for _ in range(2)]

        assert sent[-1] is ArtifactLimit.QUOTA

    @pytest.mark.parametrize(
        ("began", "status", "why"), [(True, JobStatus.FAILED, None), (False, JobStatus.QUEUED, RepeatReason.NOT_STARTED)])
    def test_a_lost_attempt_is_given_up(
        self, began: bool, status: JobStatus, why: RepeatReason | None, repository: JobRepository, submit: Callable[..., str],
    ) -> None:
        job_id = submit()

        repository.give_up(claimed(repository), began=began)

        session().rollback()
        assert (jobs.load_job(job_id).status, jobs.load_job(job_id).repeat_reason) == (status, why)

    def test_a_job_that_is_put_back_counts_no_attempt(self, repository: JobRepository, submit: Callable[..., str]) -> None:
        submit()
        first = claimed(repository)

        repository.put_back(first)
        again = claimed(repository)

        assert (again.attempt, again.fence > first.fence) == (1, True)

    def test_what_comes_with_a_claim_that_passed_on_changes_nothing(
        self, repository: JobRepository, submit: Callable[..., str], tmp_path: Path,
    ) -> None:
        job_id = submit(max_attempts=2)
        lost = claimed(repository)
        repository.give_up(lost, began=True)
        job = claimed(repository)
        (tmp_path / "one").write_bytes(b"one")

        repository.finish(lost, JobEnd(JobReason.EXIT_CODE, 0))
        repository.give_up(lost, began=True)
        repository.put_back(lost)
        with pytest.raises(ClaimPassed):
            repository.append_log(lost, 0, b"a line")
        with pytest.raises(ClaimPassed):
            repository.send_artifact(lost, ONE, tmp_path / "one")

        assert repository.held() == [job]
        session().rollback()
        assert jobs.load_job(job_id).status is JobStatus.RUNNING


def claimed(repository: JobRepository) -> ClaimedJob:
    """The next job."""
    job = repository.claim(5)
    assert job is not None
    return job
