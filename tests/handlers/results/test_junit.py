from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from contract.client import ValidatingClient
from tests.builders import NOW, add_event, add_finished_run, add_regression_test, add_result, add_run, digest_of
from tests.domain.results.junit_shape import shape_faults
from tests.handlers.outputs import add_reported_output
from tests.handlers.site import Site


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of somebody who may only look."""
    return site.as_role(Role.USER)


def test_a_run_is_a_report_of_the_same_counts_as_its_summary(site: Site, client: ValidatingClient) -> None:
    first, second, third = add_regression_test(categories=["DVB"]), add_regression_test(categories=["DVB"]), add_regression_test()
    run_id = add_finished_run(first, tests=[first.regression_id, second.regression_id, third.regression_id])  # type: ignore[arg-type]
    add_result(run_id, second.regression_id, exit_code=139)

    answer = client.get(f"/api/v1/runs/{run_id}/junit.xml")
    summary = client.get(f"/api/v1/runs/{run_id}/summary").json()

    root = fromstring(answer.content)
    assert answer.headers["content-type"] == "application/xml"
    assert shape_faults(root) == []
    assert [suite.get("name") for suite in root] == ["DVB", "uncategorized", "run"]
    counts = {name: sum(int(suite.get(name) or 0) for suite in root[:-1]) for name in ("tests", "failures", "errors", "skipped")}
    assert counts["tests"] == summary["total_samples"]
    assert counts["failures"] + counts["errors"] == summary["fail_count"] + summary["missing_output_count"]
    assert counts["skipped"] == summary["skipped_count"] + summary["pending_count"]


def test_a_failure_leads_to_its_result(site: Site, client: ValidatingClient) -> None:
    output = add_reported_output(digest_of("other"), baseline=digest_of("baseline"))

    root = fromstring(client.get(f"/api/v1/runs/{output.run_id}/junit.xml").content)
    link = (next(root.iter("failure")).text or "").splitlines()[-1]
    answer = client.get(link.removeprefix("https://ci.example.test"))

    assert answer.json()["status"] == "fail"


def test_a_run_that_is_not_over_is_reported_as_it_stands(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])
    add_event(run_id, Phase.TESTING, at=NOW)

    root = fromstring(client.get(f"/api/v1/runs/{run_id}/junit.xml").content)

    assert [(suite.get("name"), suite.get("skipped")) for suite in root] == [("uncategorized", "1"), ("run", "1")]


def test_a_run_that_there_is_not_is_refused_as_json(client: ValidatingClient) -> None:
    answer = client.get("/api/v1/runs/2000000000/junit.xml")

    assert (answer.status_code, answer.json()["details"]["resource"]) == (404, "run")


def test_a_report_is_for_those_who_may_read_results(site: Site) -> None:
    answer = site.as_role(Role.ADMIN, Scope.RUNS_READ).get("/api/v1/runs/1/junit.xml")

    assert (answer.status_code, answer.json()["details"]["required_scope"]) == (403, "results:read")
