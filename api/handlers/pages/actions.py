"""Operations of the pages' forms, and of addresses that the platform had."""
from __future__ import annotations

from typing import Any

import flask

from api.domain.errors import NotFound
from api.domain.runs.run import Run
from api.handlers.pages.answering import lead_to
from api.handlers.results import baselines
from api.handlers.runs import runs
from api.services.results import verdicts


def cancel_run_form(run_id: int) -> flask.Response:
    """Cancel a run, and lead back to it."""
    runs.cancel_run(run_id, {})
    return lead_to(f"/runs/{run_id}")


def retry_run_form(run: Run, failed_only: bool) -> flask.Response:
    """Make a run like this one, and lead to it."""
    made, _ = runs.retry_run(run, {"failed_only": failed_only})
    return lead_to(f"/runs/{made['new_run_id']}")


def propose_baseline_form(run: Run, regression_id: int, body: dict[str, Any], output_id: int | None = None) -> flask.Response:
    """Ask for what a test wrote to become the baseline, and lead back to the test."""
    test = next((each.test for each in verdicts.judge_run(run).tests if each.test.regression_id == regression_id), None)
    if test is None or output_id is None:
        raise NotFound("output", output_id or 0)
    baselines.request_baseline_approval(run, test.sample_id, {"regression_id": regression_id, "output_id": output_id, **body})
    return lead_to(f"/runs/{run.run_id}/tests/{regression_id}?output_id={output_id}")


def propose_cause_form(run: Run, class_id: str, body: dict[str, Any]) -> flask.Response:
    """Ask for all outputs that fail for one cause to become baselines, as they were shown, and lead to the proposals."""
    seen = {"expected_count": int(body["expected_count"]), "digest": body["digest"], "reason": body["reason"]}
    baselines.request_baseline_approvals(run, {"cluster": {"class_id": class_id, **seen}})
    return lead_to("/review")


def old_run_page(run_id: int) -> flask.Response:
    """Lead from the platform's address of a run to its page."""
    return lead_to(f"/runs/{run_id}")


def old_commit_page(commit: str) -> flask.Response:
    """Lead from the platform's address of a commit to its runs."""
    return lead_to(f"/runs?commit={commit}")


def old_log_page(run_id: int) -> flask.Response:
    """Lead from the platform's address of a run's log to the page of the log."""
    return lead_to(f"/runs/{run_id}/log")


def old_diff_page(run_id: int, regression_id: int, output_id: int) -> flask.Response:
    """Lead from the platform's address of a difference to the page of the test."""
    return lead_to(f"/runs/{run_id}/tests/{regression_id}?output_id={output_id}")


def old_sample_page(sample_id: int) -> flask.Response:
    """Lead from the platform's address of a sample to its page."""
    return lead_to(f"/samples/{sample_id}")


def old_regression_test_page(regression_id: int) -> flask.Response:
    """Lead from the platform's address of a regression test to its page."""
    return lead_to(f"/regression-tests/{regression_id}")
