"""Operations of the pages' forms, and of addresses that the platform had."""
from __future__ import annotations

import flask

from api.domain.runs.run import Run
from api.handlers import runs
from api.handlers.pages.answering import lead_to


def cancel_run_form(run_id: int) -> flask.Response:
    """Cancel a run, and lead back to it."""
    runs.cancel_run(run_id, {})
    return lead_to(f"/runs/{run_id}")


def retry_run_form(run: Run, failed_only: bool) -> flask.Response:
    """Make a run like this one, and lead to it."""
    made, _ = runs.retry_run(run, {"failed_only": failed_only})
    return lead_to(f"/runs/{made['new_run_id']}")


def old_run_page(run_id: int) -> flask.Response:
    """Lead from the platform's address of a run to its page."""
    return lead_to(f"/runs/{run_id}")


def old_diff_page(run_id: int, regression_id: int, output_id: int) -> flask.Response:
    """Lead from the platform's address of a difference to the page of the test."""
    return lead_to(f"/runs/{run_id}/tests/{regression_id}?output_id={output_id}")
