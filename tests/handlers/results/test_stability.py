"""Whether a regression test is the same each time, over HTTP."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.services.runs.platform_sync import catch_up
from tests.builders import NOW, BuiltTest, Output, add_event, add_regression_test, add_result_with_output, add_run, digest_of
from tests.handlers.site import Site

COMMITS = [digest_of(f"commit {number}")[:40] for number in range(12)]
ONE, OTHER = digest_of("one"), digest_of("other")


@pytest.fixture
def test(site: Site) -> BuiltTest:
    return add_regression_test(outputs=[Output()])


def ran(site: Site, test: BuiltTest, commit: str, got: str | None = None, *, pull_request: int = 0, platform: str = "linux",
        exit_code: int = 0, days: int = 0) -> int:
    """A finished run in which the test came to this; None is a match."""
    run_id = add_run(tests=[test.regression_id], commit=commit, pull_request=pull_request, platform=platform)
    at = NOW + timedelta(days=days)
    add_event(run_id, Phase.TESTING, at=at)
    add_result_with_output(run_id, test, got=got, exit_code=exit_code)
    add_event(run_id, Phase.COMPLETED, at=at)
    catch_up(site.clock.now)
    return run_id


def asked(site: Site, test: BuiltTest, **parameters: str) -> dict[str, Any]:
    found: dict[str, Any] = site.as_role(Role.USER).get(
        f"/api/v1/regression-tests/{test.regression_id}/stability", params=parameters).json()
    return found


def test_other_bytes_of_the_same_commit_prove_that_a_test_is_flaky(site: Site, test: BuiltTest) -> None:
    first, second = ran(site, test, COMMITS[0]), ran(site, test, COMMITS[0], ONE)
    ran(site, test, COMMITS[1])

    assert asked(site, test) == {
        "regression_id": test.regression_id, "state": "proven", "result_count": 3,
        "evidence": [{"commit_sha": COMMITS[0], "run_id": first, "other_run_id": second}]}


def test_another_exit_code_of_the_same_commit_proves_it_too(site: Site, test: BuiltTest) -> None:
    ran(site, test, COMMITS[0])
    ran(site, test, COMMITS[0], exit_code=1)

    assert asked(site, test)["state"] == "proven"


@pytest.mark.parametrize("other", [{"commit": COMMITS[1]}, {"platform": "windows"}])
def test_other_bytes_of_another_commit_or_platform_prove_nothing(site: Site, test: BuiltTest, other: dict[str, str]) -> None:
    ran(site, test, COMMITS[0])
    ran(site, test, **{"commit": COMMITS[0], "got": ONE} | other)  # type: ignore[arg-type]

    assert (asked(site, test)["state"], asked(site, test)["evidence"]) == ("none", [])


def test_a_test_that_is_flaky_on_one_platform_is_so_on_that_one(site: Site, test: BuiltTest) -> None:
    ran(site, test, COMMITS[0], platform="windows")
    ran(site, test, COMMITS[0], ONE, platform="windows")
    ran(site, test, COMMITS[0])

    assert [asked(site, test, platform=platform)["state"] for platform in ("linux", "windows")] == ["none", "proven"]
    assert asked(site, test)["state"] == "proven"


@pytest.mark.parametrize(("outputs", "pull_request", "state"), [
    ([ONE, OTHER] * 4, 0, "suspected"), ([ONE, OTHER] * 3, 0, "none"), ([ONE, OTHER] * 4, 7, "none"), ([ONE] * 4 + [OTHER] * 4, 0, "none")])
def test_an_output_that_never_stays_on_the_main_repository_is_suspected(
        site: Site, test: BuiltTest, outputs: Sequence[str], pull_request: int, state: str) -> None:
    for number, got in enumerate(outputs):
        ran(site, test, COMMITS[number], got, pull_request=pull_request, days=number)

    assert asked(site, test)["state"] == state


def test_of_a_test_without_results_nothing_is_known(site: Site, test: BuiltTest) -> None:
    assert asked(site, test) == {"regression_id": test.regression_id, "state": "none", "result_count": 0, "evidence": []}


def test_of_a_test_that_there_is_not_nothing_is_said(site: Site) -> None:
    answer = site.as_role(Role.USER).get("/api/v1/regression-tests/4711/stability")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
