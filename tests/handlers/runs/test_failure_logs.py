"""The lines that only a failing test's log has, over HTTP: what it is compared with, from where it is read."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from api.services.runs.platform_sync import catch_up
from api.storage.files import paths
from tests.builders import NOW, BuiltTest, add_event, add_passed_result, add_regression_test, add_result, add_run, add_sample
from tests.handlers.conftest import MakeSite
from tests.handlers.runs.artifact_scene import write
from tests.handlers.runs.test_artifacts_in_bucket import with_bucket
from tests.handlers.site import Site
from tests.storage.files.emulator import Emulator

SAID = b"[2026-11-21T11:00:00Z] [INFO] [test_runner] opened /tmp/run-1/sample.ts\n[2026-11-21T11:00:01Z] [INFO] [test_runner] took 5 ms\n"
WRONG = b"[2026-11-21T11:00:02Z] [ERROR] [test_runner] no such stream\n"


def a_test(*categories: str) -> BuiltTest:
    return add_regression_test(sample_id=add_sample(), categories=categories)


def ran(site: Site, *passed: BuiltTest, failed: Sequence[BuiltTest] = (), days: int = 0, platform: str = "linux") -> int:
    """A run that is over, so many days later than others."""
    at = NOW + timedelta(days=days)
    run_id = add_run(tests=[test.regression_id for test in (*passed, *failed)], platform=platform)
    add_event(run_id, Phase.TESTING, at=at)
    for test in passed:
        add_passed_result(run_id, test)
    for test in failed:
        add_result(run_id, test.regression_id, exit_code=1)
    add_event(run_id, Phase.COMPLETED, at=at)
    catch_up(site.clock.now)
    return run_id


def keep_log(site: Site, run_id: int, test: BuiltTest, content: bytes) -> None:
    write(site.files, paths.test_log_name(run_id, test.regression_id), content)


def asked(site: Site, run_id: int, test: BuiltTest, **parameters: Any) -> dict[str, Any]:
    answer = site.as_role(Role.USER, Scope.SYSTEM_READ).get(
        f"/api/v1/runs/{run_id}/samples/{test.sample_id}/logs", params={"view": "failure_only"} | parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def new_lines(page: dict[str, Any]) -> list[str]:
    return [line["message"] for line in page["data"] if line["is_new"]]


def test_a_failing_tests_log_is_compared_with_its_last_three_passing_ones(site: Site) -> None:
    test = a_test()
    runs = [ran(site, test) for _ in range(4)]
    failed = ran(site, failed=[test])
    for run_id in runs:
        keep_log(site, run_id, test, SAID.replace(b"run-1", b"run-%d" % run_id).replace(b"5 ms", b"%d.5 ms" % run_id))
    keep_log(site, failed, test, SAID + WRONG)

    page = asked(site, failed, test)

    assert new_lines(page) == [WRONG.decode().rstrip()]
    assert [(line["line"], line["is_new"], line["level"]) for line in page["data"]] == [
        (1, False, "info"), (2, False, "info"), (3, True, "error")]
    assert page["compared"] == {
        "by": "regression_test", "is_complete": True, "omitted_count": 0,
        "logs": [{"run_id": run_id, "regression_id": test.regression_id} for run_id in reversed(runs[1:])]}
    assert page["pagination"] == {"limit": 50, "next_cursor": None}


def test_runs_without_a_log_of_another_platform_or_later_ones_are_passed_over(site: Site) -> None:
    test = a_test()
    good, without, windows = ran(site, test), ran(site, test), ran(site, test, platform="windows")
    failed = ran(site, failed=[test])
    later = ran(site, test, days=1)
    for run_id in (good, windows, later):
        keep_log(site, run_id, test, SAID)
    keep_log(site, failed, test, WRONG)

    compared = asked(site, failed, test)["compared"]

    assert without not in [each["run_id"] for each in compared["logs"]]
    assert [each["run_id"] for each in compared["logs"]] == [good]


def test_a_test_that_never_passed_is_compared_with_others_of_its_category_first_in_the_same_run(site: Site) -> None:
    test, alike, other = a_test("DVB"), a_test("DVB"), a_test("Teletext")
    before = ran(site, alike, other)
    failed = ran(site, alike, other, failed=[test])
    for run_id in (before, failed):
        keep_log(site, run_id, alike, SAID)
        keep_log(site, run_id, other, SAID + WRONG)
    keep_log(site, failed, test, SAID + WRONG)

    page = asked(site, failed, test)

    assert page["compared"]["by"] == "category"
    assert page["compared"]["logs"] == [{"run_id": failed, "regression_id": alike.regression_id}]
    assert new_lines(page) == [WRONG.decode().rstrip()]


def test_a_test_whose_category_failed_as_a_whole_is_compared_with_those_of_runs_before(site: Site) -> None:
    test, alike = a_test("DVB"), a_test("DVB")
    before = ran(site, alike)
    failed = ran(site, failed=[test, alike])
    keep_log(site, before, alike, SAID)
    keep_log(site, failed, test, SAID + WRONG)

    page = asked(site, failed, test)

    assert page["compared"]["by"] == "category"
    assert page["compared"]["logs"] == [{"run_id": before, "regression_id": alike.regression_id}]


def test_where_nothing_passed_there_are_no_lines_and_the_answer_says_so(site: Site) -> None:
    test = a_test()
    failed = ran(site, failed=[test])
    keep_log(site, failed, test, SAID + WRONG)

    page = asked(site, failed, test)

    assert page["data"] == []
    assert page["compared"] == {"by": "nothing", "is_complete": True, "omitted_count": 0, "logs": []}


def test_parts_of_runs_logs_are_compared_where_tests_have_none_of_their_own(site: Site) -> None:
    test, other = a_test(), a_test()
    passed = ran(site, test, other)
    failed = ran(site, other, failed=[test])
    mark = "[2026-11-21T11:00:00Z] [INFO] [worker] Regression test {} (DVB): --out=srt\n"
    for run_id, said in ((passed, SAID), (failed, SAID + WRONG)):
        parts = [mark.format(test.regression_id).encode(), said, mark.format(other.regression_id).encode(), WRONG]
        write(site.files, paths.log_name(run_id), b"".join(parts))
    # A log of a test's own is no measure for a part of another.
    keep_log(site, passed, test, WRONG)

    page = asked(site, failed, test)

    assert new_lines(page) == [WRONG.decode().rstrip()]
    assert page["compared"]["logs"] == [{"run_id": passed, "regression_id": test.regression_id}]


def test_logs_in_the_bucket_are_compared_like_those_on_the_disk(make_site: MakeSite, emulator: Emulator) -> None:
    site = with_bucket(make_site, emulator)
    test = a_test()
    passed, failed = ran(site, test), ran(site, failed=[test])
    emulator.put(paths.test_log_name(passed, test.regression_id), SAID)
    emulator.put(paths.test_log_name(failed, test.regression_id), SAID + WRONG)

    assert new_lines(asked(site, failed, test)) == [WRONG.decode().rstrip()]


def test_no_more_lines_are_shown_than_the_limit_and_the_others_are_counted(site: Site) -> None:
    test = a_test()
    passed, failed = ran(site, test), ran(site, failed=[test])
    keep_log(site, passed, test, SAID)
    keep_log(site, failed, test, WRONG * 30)

    page = asked(site, failed, test, limit=10)

    assert [line["line"] for line in page["data"]] == [*range(1, 6), *range(26, 31)]
    assert page["compared"]["omitted_count"] == 20


def test_a_test_without_a_log_has_nothing_that_could_be_compared(site: Site) -> None:
    test = a_test()
    failed = ran(site, failed=[test])

    answer = site.as_role(Role.USER, Scope.SYSTEM_READ).get(
        f"/api/v1/runs/{failed}/samples/{test.sample_id}/logs", params={"view": "failure_only"})

    assert (answer.status_code, answer.json()["code"]) == (404, "log_not_found")


@pytest.mark.parametrize("view", ["", "all", "FAILURE_ONLY"])
def test_a_view_that_there_is_not_is_refused_by_name(site: Site, view: str) -> None:
    test = a_test()
    failed = ran(site, failed=[test])

    answer = site.as_role(Role.USER, Scope.SYSTEM_READ).get(
        f"/api/v1/runs/{failed}/samples/{test.sample_id}/logs", params={"view": view})

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, ["view"])


@pytest.mark.parametrize("besides", [{"cursor": "forged"}, {"level": "error"}, {"contains": "stream"}])
def test_neither_a_cursor_nor_a_filter_goes_with_it(site: Site, besides: dict[str, str]) -> None:
    test = a_test()
    run_id = ran(site, failed=[test])
    keep_log(site, run_id, test, WRONG)

    answer = site.as_role(Role.USER, Scope.SYSTEM_READ).get(
        f"/api/v1/runs/{run_id}/samples/{test.sample_id}/logs", params={"view": "failure_only"} | besides)

    assert answer.status_code == 400
    assert set(answer.json()["details"]["fields"]) == set(besides)
