"""A file that somebody uploads becomes a baseline as an output of a run does: once another admin approved it."""
from __future__ import annotations

import pytest

from api.domain.auth.access import Role
from tests.builders import BASELINE, BuiltTest, Output, add_regression_test
from tests.handlers.baselines import REASON, baseline_of
from tests.handlers.library.sending import digest_of, send, stored
from tests.handlers.site import Client, Site

CONTENT = b"1\n00:00:01,000 --> 00:00:02,000\nTyped by hand.\n"


@pytest.fixture
def client(site: Site) -> Client:
    """Somebody who may ask."""
    return site.as_role(Role.CONTRIBUTOR)


def path_of(test: BuiltTest) -> str:
    return f"/api/v1/regression-tests/{test.regression_id}/outputs/{test.output_id}/baselines"


@pytest.mark.parametrize("before", ["", BASELINE])
@pytest.mark.parametrize("content", [CONTENT, b""])
def test_an_uploaded_file_is_asked_for_and_expected_once_it_is_approved(site: Site, client: Client, before: str, content: bytes) -> None:
    test = add_regression_test(outputs=[Output(before)])

    asked = send(client, content, "captions.srt", path_of(test), reason=REASON)
    assert asked.status_code == 202, asked.text
    pending = baseline_of(site, test.output_id)
    decided = site.as_role(Role.ADMIN).post(f"/api/v1/baseline-approvals/{asked.json()['approval_id']}/approve")

    shown = asked.json()
    assert (asked.status_code, shown["status"], shown["run_id"], shown["expected_hash"]) == (202, "pending_review", None, before)
    assert (pending, decided.status_code, baseline_of(site, test.output_id)) == (before, 200, digest_of(content))
    assert (site.files / "TestResults" / f"{digest_of(content)}.srt").read_bytes() == content
    assert [each["approval"]["run_id"] for each in client.get(path_of(test)).json()["data"]] == [None]


def test_the_same_file_asked_for_again_is_the_same_request(client: Client) -> None:
    path = path_of(add_regression_test())

    first, second = (send(client, CONTENT, "a.srt", path, reason=REASON).json() for _ in range(2))

    assert first == second


@pytest.mark.parametrize(("reason", "status"), [("", 400), ("x" * 501, 400), ("lgtm", 422)])
def test_a_reason_that_says_nothing_is_refused_and_nothing_is_kept(site: Site, client: Client, reason: str, status: int) -> None:
    answer = send(client, CONTENT, "a.srt", path_of(add_regression_test()), reason=reason)

    assert (answer.status_code, stored(site), list((site.files / "TestResults").glob("*"))) == (status, set(), [])


def test_a_file_that_is_accepted_already_is_refused(client: Client) -> None:
    path = path_of(add_regression_test(outputs=[Output(acceptable=(digest_of(CONTENT),))]))

    assert send(client, CONTENT, "a.srt", path, reason=REASON).status_code == 422


def test_an_output_of_another_test_is_404(client: Client) -> None:
    one, other = add_regression_test(), add_regression_test()
    path = path_of(one).replace(f"/outputs/{one.output_id}", f"/outputs/{other.output_id}")

    assert send(client, CONTENT, "a.srt", path, reason=REASON).status_code == 404


def test_only_those_who_may_ask_for_baselines_upload_them(site: Site) -> None:
    answer = send(site.as_role(Role.TESTER), CONTENT, "a.srt", path_of(add_regression_test()), reason=REASON)

    assert answer.status_code == 403
