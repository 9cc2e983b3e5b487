"""What the tests of the pages look at: a main that broke on Windows, a red pull request, a flaky test, proposals, a queue, a job."""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from api.domain.auth.access import Role
from api.domain.jobs.job import JobStatus
from api.domain.results.approval import BaselineProposal, Proposal
from api.domain.runs.run import Phase
from api.storage.database import transact
from api.storage.results.approvals import record_proposal
from tests.builders import NOW, BuiltTest, Output, add_event, add_regression_test, add_result_with_output, add_run, add_user
from tests.databases import opened
from tests.e2e.installation import Installation
from tests.handlers.site import quick_hash
from tests.submitted_jobs import add_job, keep_artifacts, write_log

EXPECTED = (
    b"1\n00:00:01,000 --> 00:00:02,000\nThe tide is out.\n\n"
    b"2\n00:00:03,000 --> 00:00:04,000\n<font color=\"#ffff00\">So is the moon.</font>\n")
EARLIER = EXPECTED.replace(b"02,000", b"01,960").replace(b"04,000", b"03,960")
COLOURLESS = EXPECTED.replace(b'<font color="#ffff00">', b"").replace(b"</font>", b"")
HOSTILE = "<script>document.title = 'taken'</script><img src=http://elsewhere.example/x>"
# Nothing in it says where a line may break.
ENDLESS = "x" * 3_000
CONTENTS = (EXPECTED, EARLIER, COLOURLESS, HOSTILE.encode(), b"one\n", b"two\n")
EMAIL, PASSWORD = "reviewer@example.test", "correct horse battery staple"
FAILED_TEST, FAILED_LINE = "test_the_tide", 54_321
LOG = b"".join(b"tests/test_sea.py::test_%d PASSED\n" % number for number in range(1, FAILED_LINE)) + (
    f"tests/test_sea.py::{FAILED_TEST} FAILED {HOSTILE}\n".encode() + b"and so on\n" * (100_000 - FAILED_LINE))
REPORT = {
    "tests": 2, "failures": 2, "errors": 0, "skipped": 0, "seconds": 0.5,
    "failed": [
        {"name": FAILED_TEST, "classname": HOSTILE, "message": f"assert 5 == 4 {HOSTILE}"},
        {"name": ENDLESS[:1_000], "classname": ENDLESS[:1_000], "message": ENDLESS}]}
REASON = "The new timing is right, see the discussion."


@dataclass(frozen=True)
class Scene:
    """The numbers of what there is to see. `broke` is the run in which main on Windows began to fail, `broken` the newest one."""

    address: str
    main: int
    broke: int
    broken: int
    red: int
    waiting: int
    timed: int
    hostile: int
    flaky: int
    sample: int
    job_id: str

    @property
    def pages(self) -> dict[str, str]:
        """Every page, by name; of those with several faces each."""
        run, job = f"/runs/{self.red}", f"/view/jobs/{self.job_id}"
        return {
            "front": "/", "runs": "/runs", "grid": "/runs?view=grid", "nothing": "/runs?status=queued&branch=none", "run": run,
            "run-by-category": f"{run}?by=category", "run-tests": f"{run}?by=test", "run-passed": f"/runs/{self.main}",
            "run-waiting": f"/runs/{self.waiting}", "test": f"{run}/tests/{self.timed}", "test-hostile": f"{run}/tests/{self.hostile}",
            "test-flaky": f"/runs/{self.main}/tests/{self.flaky}", "log": f"{run}/log", "log-none": f"/runs/{self.waiting}/log",
            "pull-request": "/pull-requests/7", "sample": f"/samples/{self.sample}", "regression-test": f"/regression-tests/{self.flaky}",
            "jobs": "/view/jobs", "no-jobs": "/view/jobs?project=none", "job": job, "job-search": f"{job}?q={FAILED_TEST}",
            "job-line": f"{job}?line={FAILED_LINE}#L{FAILED_LINE}", "job-nothing": f"{job}?q=nowhere", "missing": "/runs/99999",
            "wrong": "/runs?status=nonsense", "login": "/login", "review": "/review",
            "run-viewer": f"{run}/view", "job-viewer": f"/jobs/{self.job_id}/view"}


def digest(content: bytes) -> str:
    """The name of an output."""
    return sha256(content).hexdigest()


def make_scene(served: Installation) -> Scene:
    """Put it into an installation."""
    results = served.files / "TestResults"
    results.mkdir(exist_ok=True)
    for content in CONTENTS:
        (results / f"{digest(content)}.srt").write_bytes(content)
    with opened(served.database_url, migrated=False):
        reviewer = add_user("reviewer", role=Role.ADMIN, email=EMAIL, password_hash=quick_hash(PASSWORD))
        outputs = [Output(baseline=digest(EXPECTED))]
        timed, flaky, *coloured = (add_regression_test(outputs=outputs) for _ in range(6))
        hostile = add_regression_test(outputs=outputs, command=HOSTILE + ENDLESS, categories=[HOSTILE[:50], ENDLESS[:50]])
        _run({flaky: b"one\n"}, commit="c" * 40)
        main = _run({timed: EXPECTED, **dict.fromkeys(coloured, EXPECTED), hostile: EXPECTED, flaky: b"two\n"}, commit="c" * 40)
        _run({timed: EXPECTED}, platform="windows")
        broke, broken = (_run({timed: EARLIER}, platform="windows", commit=letter * 40) for letter in "bd")
        asker = add_user("asker", role=Role.CONTRIBUTOR)
        for tests in (coloured[:2], coloured[2:]):
            _propose(_run(dict.fromkeys(tests, COLOURLESS), branch=HOSTILE[:100]), tests, asker)
        red = _run({timed: EARLIER, hostile: HOSTILE.encode()}, pull_request=7)
        waiting = add_run(branch=ENDLESS[:100])
        add_event(waiting, Phase.PREPARATION, ENDLESS)
        add_job(reviewer, JobStatus.QUEUED, project=ENDLESS[:100], branch=ENDLESS[:200])
        job_id = add_job(reviewer, JobStatus.COMPLETED, exit_code=1, project="sea", branch=HOSTILE[:50])
    write_log(served.files, job_id, LOG)
    keep_artifacts(served.files, job_id, {"report.txt": b"x"}, junit=REPORT)
    log = served.files / "LogFiles" / f"{red}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"Building\n{HOSTILE}\n" + "line\n" * 1_000)
    return Scene(
        served.url, main, broke, broken, red, waiting, timed.regression_id, hostile.regression_id, flaky.regression_id,
        timed.sample_id, job_id)


def _run(results: dict[BuiltTest, bytes], **options: Any) -> int:
    run_id = add_run(tests=[test.regression_id for test in results], **options)
    add_event(run_id, Phase.TESTING)
    for test, content in results.items():
        add_result_with_output(run_id, test, got=None if content == EXPECTED else digest(content), expected=digest(EXPECTED))
    add_event(run_id, Phase.COMPLETED)
    return run_id


def _propose(run_id: int, tests: list[BuiltTest], asker: int) -> None:
    for test in tests:
        wish = BaselineProposal(test.regression_id, test.output_id, REASON)
        proposal = Proposal(run_id, test.sample_id, wish, digest(EXPECTED), digest(COLOURLESS), ".srt")
        transact(partial(record_proposal, proposal, asker, "asker@example.test", NOW))
