"""More of everything than any page shows, so that what a request costs shows whether it grows with what there is."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from api.domain.jobs.job import JobStatus
from api.domain.runs.run import Phase
from tests.builders import (
    NOW,
    Output,
    add_event,
    add_finished_run,
    add_regression_test,
    add_result_with_output,
    add_run,
    add_sample,
    add_token,
    minutes,
)
from tests.submitted_jobs import add_job, keep_artifacts, write_log

MANY = 120
CAPTIONS = b"".join(b"%d\n00:00:%02d,000 --> 00:00:%02d,500\nThe tide is out.\n\n" % (each, each % 60, each % 60) for each in range(2_000))
PRODUCED = CAPTIONS.replace(b",000", b",001")
EXPECTED, GOT = (sha256(content).hexdigest() for content in (CAPTIONS, PRODUCED))
LINE = b"2026-11-21 12:00:00 [ERROR] error: the caption's time runs backwards, at frame 00:00:01,000\n"


def add_abundance(root: Path, owner_id: int) -> Mapping[str, Any]:
    """Many tests, of one sample and of many; runs of them, one in which all failed; jobs and tokens. Returns what paths should name."""
    crowded = add_sample()
    tests = [
        add_regression_test(sample_id=crowded if number % 2 else None, categories=["General"], outputs=[Output(EXPECTED)])
        for number in range(MANY)]
    _write_files(root)
    for number in range(MANY):
        add_finished_run(tests[number % 2], at=NOW - timedelta(days=2, minutes=number), branch=f"branch {number}")
    run_id = add_run(tests=[test.regression_id for test in tests], commit="f" * 40)
    for number in range(MANY):
        add_event(run_id, Phase.TESTING, f"Running test {number}", at=minutes(number / 10))
    for test in tests:
        add_result_with_output(run_id, test, got=GOT, expected=EXPECTED, exit_code=1)
    add_event(run_id, Phase.COMPLETED, "Ran all tests", at=minutes(20))
    (root / "LogFiles" / f"{run_id}.txt").write_bytes(LINE * 20_000)
    jobs = [add_job(owner_id, JobStatus.COMPLETED, at=NOW - timedelta(seconds=number), exit_code=1) for number in range(MANY)]
    write_log(root, jobs[0], LINE * 20_000)
    names = [f"artifacts/{number}.txt" for number in range(MANY)]
    keep_artifacts(root, jobs[0], dict.fromkeys(names, b"a"))
    for _ in range(MANY):
        add_token(owner_id)
    test = tests[1]
    return {
        "run_id": run_id, "sample_id": test.sample_id, "regression_id": test.regression_id, "output_id": test.output_id,
        "job_id": jobs[0], "name": names[0], "against": run_id - 1, "approval_id": 1, "platform": "linux", "token_id": 1}


def _write_files(root: Path) -> None:
    for folder in ("TestResults", "LogFiles"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for digest, content in ((EXPECTED, CAPTIONS), (GOT, PRODUCED)):
        (root / "TestResults" / f"{digest}.srt").write_bytes(content)
