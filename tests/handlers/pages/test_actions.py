"""What the pages' forms do."""
from __future__ import annotations

from api.domain.auth.access import Role
from tests.builders import add_finished_run, add_regression_test, add_run
from tests.handlers.baselines import REASON, Case
from tests.handlers.pages.conftest import Reader
from tests.handlers.site import Site


def test_a_run_is_canceled(site: Site, reader: Reader) -> None:
    run_id = add_run()

    answer = reader(Role.ADMIN).post(f"/runs/{run_id}/cancel")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run_id}")
    assert site.as_role(Role.ADMIN).get(f"/api/v1/runs/{run_id}").json()["status"] == "canceled"


def test_a_run_is_run_again(site: Site, reader: Reader) -> None:
    run_id = add_finished_run(add_regression_test())

    answer = reader(Role.ADMIN).post(f"/runs/{run_id}/retry")

    made = int(answer.headers["location"].rpartition("/")[2])
    assert site.as_role(Role.ADMIN).get(f"/api/v1/runs/{made}").json()["source_run_id"] == run_id


def test_who_may_not_sees_no_button_and_is_refused(reader: Reader) -> None:
    run_id = add_run()
    holder = reader(Role.USER)

    shown, answer = holder.get(f"/runs/{run_id}").text, holder.post(f"/runs/{run_id}/cancel")

    assert answer.status_code == 403
    assert "/cancel" in shown or "Cancel" not in shown


def test_what_cannot_be_done_is_told_on_a_page(reader: Reader) -> None:
    run_id = add_finished_run(add_regression_test())

    answer = reader(Role.ADMIN).post(f"/runs/{run_id}/retry?failed_only=true")

    assert answer.status_code in (409, 422)
    assert "<h1>" in answer.text


def test_an_output_is_proposed_as_baseline(site: Site, reader: Reader, case: Case) -> None:
    path = f"/runs/{case.run_id}/tests/{case.test.regression_id}"
    holder = reader(Role.CONTRIBUTOR)

    offered = "Propose as the new baseline" in holder.get(path).text
    answer = holder.post(f"{path}/propose", params={"output_id": case.test.output_id}, data={"reason": REASON})

    assert offered and answer.status_code == 303
    assert site.as_role(Role.ADMIN).get("/api/v1/baseline-approvals").json()["data"][0]["reason"] == REASON


def test_a_proposal_of_an_output_that_is_not_there_is_refused(reader: Reader, case: Case) -> None:
    path = f"/runs/{case.run_id}/tests/{case.test.regression_id}/propose"

    answers = [reader(Role.CONTRIBUTOR).post(f"{path}{query}", data={"reason": REASON}) for query in ("", "?output_id=4711")]

    assert {answer.status_code for answer in answers} == {404}
