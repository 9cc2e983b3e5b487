"""The newest failure that was analysed."""
from __future__ import annotations

from api.services.results import verdicts
from api.storage.results.occurrences import find_newest_run
from api.storage.runs.runs import find_run


def find_newest_failure() -> dict[str, int]:
    """The ids of the newest run whose failures have known causes, of its pull request, and of a failing test; none where there is none."""
    run_id = find_newest_run()
    found = None if run_id is None else find_run(run_id)
    if found is None:
        return {}
    run = found.run
    failing = [test.test for test in verdicts.judge_run(run).tests if test.verdict.is_failure]
    pull_request = {} if run.pull_request is None else {"pull_request": run.pull_request}
    tests = {"regression_id": failing[0].regression_id, "sample_id": failing[0].sample_id} if failing else {}
    return {"run_id": run.run_id, **pull_request, **tests}
