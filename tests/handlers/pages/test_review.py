"""The page on which new baselines are decided about."""
from __future__ import annotations

import re

import pytest

from api.domain.auth.access import Role
from tests.builders import BASELINE
from tests.handlers.baselines import GOT, Case, baseline_of, store_output
from tests.handlers.pages.conftest import Reader
from tests.handlers.site import Client, Site

FORM = re.compile(r"<form(?P<head>[^>]*)>(?P<inside>.*?)</form>", re.DOTALL)
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def fields(page: str, word: str) -> dict[str, str]:
    """The hidden fields of the form that has this word."""
    return next(dict(FIELD.findall(found["inside"])) for found in FORM.finditer(page) if word in found["head"] + found["inside"])


@pytest.fixture
def proposed(site: Site, case: Case, requester: Client) -> Case:
    """A case with a request that waits."""
    store_output(site, "baseline")
    assert requester.post(case.path, json=case.body()).status_code == 202
    return case


def test_what_waits_is_shown_with_who_proposed_it_and_why(reader: Reader, proposed: Case) -> None:
    page = reader(Role.ADMIN).get("/review").text

    assert "1 proposed baseline<" in page
    assert "contributor@example.test" in page and proposed.body()["reason"] in page
    assert f"/runs/{proposed.run_id}/tests/{proposed.test.regression_id}?output_id={proposed.test.output_id}" in page


def test_the_reason_of_a_proposal_is_read_without_opening_anything(reader: Reader, proposed: Case) -> None:
    page = reader(Role.ADMIN).get("/review").text

    assert proposed.body()["reason"] in page.partition("<details open>")[2].partition("</details>")[0]


def test_where_nothing_waits_the_page_says_so(reader: Reader) -> None:
    page = reader(Role.ADMIN).get("/review").text

    assert "Nothing waits for a decision." in page and "Nothing was decided yet." in page


def test_a_proposal_is_approved_as_it_was_shown_and_taken_back(site: Site, reader: Reader, proposed: Case) -> None:
    admin = reader(Role.ADMIN)
    shown = fields(admin.get("/review").text, "/review/approve")

    approved = admin.post("/review/approve", data=shown | {"reason": "Compared by eye."})
    between, page = baseline_of(site, proposed.test.output_id), admin.get("/review").text
    taken_back = admin.post("/review/revert", data=fields(page, "/review/revert"))

    assert [(answer.status_code, answer.headers["location"]) for answer in (approved, taken_back)] == [(303, "/review")] * 2
    assert "Compared by eye." in page and "admin@example.test" in page
    assert (between, baseline_of(site, proposed.test.output_id)) == (GOT, BASELINE)


def test_a_proposal_is_rejected(site: Site, reader: Reader, proposed: Case) -> None:
    admin = reader(Role.ADMIN)

    admin.post("/review/reject", data=fields(admin.get("/review").text, "/review/reject"))

    assert baseline_of(site, proposed.test.output_id) == BASELINE
    assert "Rejected" in admin.get("/review").text


def test_what_was_decided_meanwhile_is_told_on_a_page(site: Site, reader: Reader, proposed: Case) -> None:
    admin = reader(Role.ADMIN)
    shown = fields(admin.get("/review").text, "/review/approve")
    other = site.as_user(site.account(Role.ADMIN, "grace"))
    other.post(f"/api/v1/baseline-approvals/{shown['approval_ids']}/reject")

    answer = admin.post("/review/approve", data=shown)

    assert (answer.status_code, "<h1>" in answer.text) == (409, True)
    assert baseline_of(site, proposed.test.output_id) == BASELINE


@pytest.mark.parametrize("role", [Role.CONTRIBUTOR, Role.TESTER, Role.USER])
def test_who_may_not_decide_sees_no_button_and_is_refused(reader: Reader, proposed: Case, role: Role) -> None:
    holder = reader(role)

    page, answer = holder.get("/review"), holder.post(
        "/review/approve", data={"approval_ids": "1", "expected_count": "1", "digest": "0" * 64})

    assert page.status_code == 200 and "/review/approve" not in page.text
    assert answer.status_code == 403


def test_nobody_is_offered_to_decide_about_a_proposal_of_their_own(reader: Reader, case: Case, admin: Client) -> None:
    admin.post(case.path, json=case.body())

    page = reader(Role.ADMIN).get("/review").text

    assert "Another admin must decide" in page and "/review/approve" not in page
