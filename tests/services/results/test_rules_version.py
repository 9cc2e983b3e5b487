"""Rules that change make stored verdicts anew, and what is stored never differs from what is computed."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from api.domain.results import exit_code
from api.domain.results.failure import failures_of
from api.domain.results.failure_code import RULES_VERSION
from api.domain.runs.progress import LateEventKind
from api.domain.runs.run import Phase, Run, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.services.results import verdicts
from api.services.runs import platform_sync, runs
from api.storage.database import session, transaction
from api.storage.runs.platform_changes import count_pending, mark_outdated
from api.storage.runs.progress import list_late_events
from api.storage.tables.results import VerdictRow
from api.storage.tables.runs import RunRow
from tests.builders import NOW, add_event, add_regression_test, add_result_with_output, add_run
from tests.databases import Database
from tests.examples import examples

OLD_RULES = {139: 0, 1: 139, 137: 143}


@contextmanager
def older_rules() -> Iterator[None]:
    """Rules that take some exit codes for others, at an older version."""
    def told(code: int, runtime_ms: int | None) -> int:
        return kept(OLD_RULES.get(code, code), runtime_ms)

    kept = exit_code.normalized
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.domain.results.result.normalized", told)
        verdicts._judged.clear()
        yield
    verdicts._judged.clear()
    with transaction():
        session().execute(update(RunRow).where(RunRow.rules_version.is_not(None)).values(rules_version=RULES_VERSION - 1))


def finished_run(*codes: int) -> int:
    """A run of as many tests, which ended with these codes."""
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    for code in codes:
        test = add_regression_test()
        add_result_with_output(run_id, test, exit_code=code)
    add_event(run_id, Phase.COMPLETED)
    return run_id


def check(shown: Run) -> None:
    """What is stored of a run that was shown is what it comes to by the present rules."""
    judged = verdicts.judge_run(shown)
    stored = session().execute(select(VerdictRow.regression_id, VerdictRow.verdict, VerdictRow.signature).where(
        VerdictRow.run_id == shown.run_id).order_by(VerdictRow.regression_id)).all()
    assert shown.status is judged.status
    assert verdicts.load_summary(shown) == judged.summary
    assert [tuple(row) for row in stored] == [
        (test.test.regression_id, test.verdict.value, failures[0].signature if failures else None)
        for test in judged.tests for failures in [failures_of(test)]]


@settings(max_examples=examples(24), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.sampled_from([0, 1, 137, 139]), min_size=1, max_size=3), min_size=1, max_size=3),
    st.lists(st.sampled_from(["list", "show", "background"]), min_size=1, max_size=5))
def test_whatever_is_looked_at_first_is_what_the_present_rules_make_of_it(
    database: Database, codes: list[list[int]], looks: list[str],
) -> None:
    database.empty()
    run_ids = [finished_run(*each) for each in codes]
    with older_rules():
        platform_sync.catch_up(NOW)

    for number, look in enumerate(looks):
        session().rollback()
        if look == "list":
            for shown in runs.list_runs(RunFilter(), RunSort.RUN_ID, limit=10).items:
                check(shown)
        elif look == "show":
            check(runs.show_run(run_ids[number % len(run_ids)], NOW))
        else:
            platform_sync.judge_pending(1)
    session().rollback()
    for run_id in run_ids:
        check(runs.show_run(run_id, NOW))


def test_a_run_that_comes_out_otherwise_has_an_event_and_one_that_does_not_has_none(database: Database) -> None:
    crashed, passed = finished_run(139, 0), finished_run(0)
    with older_rules():
        platform_sync.catch_up(NOW)
        before = runs.show_run(crashed, NOW).status

    judged = [platform_sync.judge_pending(1) for _ in range(3)]

    assert (before, runs.show_run(crashed, NOW).status) == (RunStatus.PASS, RunStatus.FAIL)
    assert judged == [1, 1, 0]
    assert [kind for kind, _ in list_late_events(crashed)] == [LateEventKind.JUDGED_ANEW]
    assert list_late_events(passed) == []


def test_another_signature_alone_is_another_outcome(database: Database) -> None:
    run_id = finished_run(1)
    with older_rules():
        platform_sync.catch_up(NOW)

    platform_sync.judge_pending(10)

    assert [kind for kind, _ in list_late_events(run_id)] == [LateEventKind.JUDGED_ANEW]


def test_all_runs_can_be_judged_again_whatever_rules_made_their_verdicts(database: Database) -> None:
    run_id = finished_run(0)
    platform_sync.catch_up(NOW)
    with transaction():
        session().execute(update(VerdictRow).values(verdict="fail"))
        marked = mark_outdated()

    left = count_pending()
    check(runs.show_run(run_id, NOW))

    assert (marked, left, count_pending()) == (1, 1, 0)
