"""Operations on runs and their results, as the Sample Platform has them."""
from __future__ import annotations

from typing import Any

from api.domain.errors import NotFound
from api.domain.page import Page, slice_page
from api.domain.results.result import Verdict
from api.domain.results.sample_result import RunSampleFilter, select_tests
from api.domain.runs.run import Platform, Run, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.handlers.platform.parameters import parse_instant
from api.rendering.platform import runs as render
from api.services.results import verdicts
from api.services.runs import runs
from api.storage.catalog import samples
from api.storage.catalog.releases import find_release

Json = dict[str, Any]


def platform_list_runs(
    limit: int, offset: int, sort: str, status: str | None = None, branch: str | None = None, commit_sha: str | None = None,
    repository: str | None = None, platform: str | None = None, created_after: str | None = None, created_before: str | None = None,
    ccx_version: str | None = None,
) -> Json:
    """List runs, newest first unless asked otherwise."""
    release = None if ccx_version is None else find_release(ccx_version)
    if ccx_version is not None and (release is None or (commit_sha or release.commit).lower() != release.commit.lower()):
        nothing: Page[Run] = Page([], limit, offset, 0)
        return render.page(nothing, render.listed_run)
    wanted = RunFilter(
        status=RunStatus(status) if status else None, branch=branch, commit_sha=release.commit if release else commit_sha,
        repository=repository, platform=Platform(platform) if platform else None,
        created_after=parse_instant("created_after", created_after), created_before=parse_instant("created_before", created_before))
    return render.page(runs.list_runs(wanted, RunSort(sort), limit=limit, offset=offset), render.listed_run)


def platform_get_run(run: Run) -> Json:
    """Show a run."""
    return render.run(run)


def platform_get_run_summary(run: Run) -> Json:
    """Count how the regression tests of a run fared."""
    return render.run_summary(run, verdicts.load_summary(run))


def platform_list_progress(run: Run, limit: int, offset: int, status: str | None = None) -> Json:
    """List what workers told of a run, oldest first."""
    events = [event for event in verdicts.load_events(run) if status in (None, event.phase)]
    return render.page(slice_page(events, limit, offset), render.progress_event)


def platform_get_run_config(run: Run) -> Json:
    """Show what a run is to execute."""
    return render.run_config(run, verdicts.load_expected(run))


def platform_list_run_samples(
    run: Run, limit: int, offset: int, status: str | None = None, name: str | None = None, tag: str | None = None,
    category: str | None = None,
) -> Json:
    """List the results of everything that a run is to execute."""
    tests = verdicts.judge_run(run).tests
    labels = samples.load_labels({test.test.sample_id for test in tests})
    found = select_tests(tests, RunSampleFilter(Verdict(status) if status else None, name, tag, category), labels)
    return render.page(slice_page(found, limit, offset), lambda test: render.run_sample(test, labels))


def platform_get_run_sample(run: Run, regression_test_id: int) -> Json:
    """Show the result of a regression test."""
    for test in verdicts.judge_run(run).tests:
        if test.test.regression_id == regression_test_id:
            return render.run_sample(test, samples.load_labels([test.test.sample_id]))
    raise NotFound("regression_test", regression_test_id, remedy="List the run's tests with GET /runs/{run_id}/samples.")
