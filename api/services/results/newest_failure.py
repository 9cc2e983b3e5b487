"""The newest failure that was analysed."""
from __future__ import annotations

from contextlib import suppress

from api.domain.errors import Refusal
from api.services.results import verdicts
from api.services.runs.failure_logs import find_failure_log
from api.storage.files.archive import Archive
from api.storage.results.occurrences import find_newest_run
from api.storage.runs.runs import find_run


def find_newest_failure(archive: Archive) -> dict[str, int]:
    """The ids of the newest run whose failures have known causes, of its pull request, and of a failing test; none where there is none.

    The test's part of the log is looked for besides: a log is searched but once.
    """
    run_id = find_newest_run()
    found = None if run_id is None else find_run(run_id)
    if found is None:
        return {}
    run = found.run
    judged = verdicts.judge_run(run)
    failing = [test for test in judged.tests if test.verdict.is_failure]
    if failing:
        with suppress(Refusal):
            find_failure_log(run, failing[0], judged.tests, archive, limit=1)
    pull_request = {} if run.pull_request is None else {"pull_request": run.pull_request}
    tests = {"regression_id": failing[0].test.regression_id, "sample_id": failing[0].test.sample_id} if failing else {}
    return {"run_id": run.run_id, **pull_request, **tests}
