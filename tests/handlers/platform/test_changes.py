"""What the platform's clients change, and what they are refused with what to do instead."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from contract.client import ValidatingClient
from tests.builders import add_finished_run, add_regression_test, add_run, add_sample, add_user, digest_of
from tests.handlers.platform.test_run_reads import BASE, ask
from tests.handlers.site import Site


@pytest.fixture
def admin(site: Site) -> ValidatingClient:
    """A client of an admin."""
    return site.as_role(Role.ADMIN)


def send(client: ValidatingClient, method: str, path: str, body: Any = None) -> Any:
    """The answer to a change."""
    return client.request(method, BASE + path, **({} if body is None else {"json": body}))


def test_a_run_is_made_and_canceled(admin: ValidatingClient) -> None:
    add_regression_test()
    wish = {"repository": "CCExtractor/ccextractor", "commit_sha": "a" * 40, "platform": "linux"}

    made = send(admin, "POST", "/runs", wish)
    canceled = send(admin, "POST", f"/runs/{made.json()['run_id']}/cancel", {"reason": "superseded"})

    assert (made.status_code, made.json()["status"]) == (202, "queued")
    assert (canceled.status_code, canceled.json()["status"]) == (202, "accepted")


def test_a_restart_erases_nothing_and_names_the_retry(admin: ValidatingClient) -> None:
    run_id = add_finished_run(add_regression_test())

    answer = send(admin, "POST", f"/runs/{run_id}/restart", {})

    assert (answer.status_code, answer.json()["details"]["retry"]) == (409, f"POST /api/v1/runs/{run_id}/retry")
    assert ask(admin, f"/runs/{run_id}")["status"] == "pass"


def test_a_category_is_kept_until_nothing_is_in_it(admin: ValidatingClient) -> None:
    made = send(admin, "POST", "/categories", {"name": "DVB"}).json()
    test = add_regression_test(categories=["DVB"])

    refused = send(admin, "DELETE", f"/categories/{made['id']}")
    send(admin, "PATCH", f"/regression-tests/{test.regression_id}", {"categories": []})
    renamed = send(admin, "PATCH", f"/categories/{made['id']}", {"name": "Broadcast"})
    deleted = send(admin, "DELETE", f"/categories/{made['id']}")

    assert (refused.status_code, renamed.json()["name"], deleted.json()) == (409, "Broadcast", {"id": made["id"], "deleted": True})


def test_names_of_categories_and_tags_are_words_in_the_platforms_api_too(admin: ValidatingClient) -> None:
    answers = [send(admin, "POST", path, {"name": name}) for path in ("/categories", "/tags") for name in ("a\x00b", " ", "a\u202eb")]

    assert {answer.status_code for answer in answers} == {400}


def test_a_test_is_made_inactive_edited_and_deleted(admin: ValidatingClient) -> None:
    send(admin, "POST", "/categories", {"name": "DVB"})

    made = send(admin, "POST", "/regression-tests", {"sample_id": add_sample("news.ts"), "command": "-out=srt", "categories": ["DVB"]})
    path = f"/regression-tests/{made.json()['regression_test_id']}"
    edited = send(admin, "PATCH", path, {"description": "Words", "expected_rc": 10})
    deleted = send(admin, "DELETE", path)

    assert (made.status_code, made.json()["active"], made.json()["sample_name"]) == (201, False, "news.ts")
    assert (edited.json()["description"], edited.json()["expected_rc"], edited.json()["categories"]) == ("Words", 10, ["DVB"])
    assert deleted.json()["deleted"] and send(admin, "GET", path).status_code == 404


def test_a_sample_is_tagged_and_deleted(admin: ValidatingClient) -> None:
    sample_id = add_sample()
    send(admin, "POST", "/tags", {"name": "hd"})

    tagged = send(admin, "PATCH", f"/samples/{sample_id}", {"tags": ["hd"]})
    deleted = send(admin, "DELETE", f"/samples/{sample_id}")

    assert (tagged.json(), deleted.json()) == ({"sample_id": sample_id, "tags": ["hd"]}, {"sample_id": sample_id, "deleted": True})


def test_the_library_is_kept_by_admins_and_contributors(site: Site) -> None:
    statuses = {role: send(site.as_role(role), "POST", "/tags", {"name": role.value}).status_code for role in Role}

    assert statuses == {Role.ADMIN: 201, Role.CONTRIBUTOR: 201, Role.TESTER: 403, Role.USER: 403}


def test_a_platform_is_paused(admin: ValidatingClient) -> None:
    assert send(admin, "PATCH", "/system/maintenance/linux", {"disabled": True}).json() == {"platform": "linux", "disabled": True}
    assert ask(admin, "/system/maintenance")["platforms"][0] == {"platform": "linux", "disabled": True}


def test_an_account_is_blocked_once_and_unblocked_once(admin: ValidatingClient) -> None:
    blocked = [send(admin, "POST", "/system/blocked-users", {"user_id": 4242, "comment": "spam"}).status_code for _ in range(2)]
    listed = ask(admin, "/system/blocked-users")["data"]
    unblocked = [send(admin, "DELETE", "/system/blocked-users/4242").status_code for _ in range(2)]

    assert (blocked, listed, unblocked) == ([201, 409], [{"user_id": 4242, "comment": "spam"}], [200, 404])


def test_an_ending_is_forbidden_in_lower_case_and_allowed_with_or_without_its_dot(admin: ValidatingClient) -> None:
    forbidden = [send(admin, "POST", "/system/forbidden-extensions", {"extension": word}).status_code for word in ("BAT", "bat")]
    listed = ask(admin, "/system/forbidden-extensions")["data"]
    allowed = [send(admin, "DELETE", "/system/forbidden-extensions/.Bat").status_code for _ in range(2)]

    assert (forbidden, listed, allowed) == ([201, 409], ["bat"], [200, 404])


def test_a_role_is_changed_but_never_ones_own(site: Site, admin: ValidatingClient) -> None:
    other, own = site.account(Role.USER), site.account(Role.ADMIN)

    changed, refused = (send(admin, "PATCH", f"/users/{each}", {"role": "tester"}) for each in (other, own))

    assert (changed.json()["role"], refused.status_code) == ("tester", 403)


def test_an_account_that_is_locked_out_loses_its_tokens(site: Site, admin: ValidatingClient) -> None:
    other = site.as_role(Role.USER)

    locked = send(admin, "POST", f"/users/{site.account(Role.USER)}/deactivate").json()

    assert (locked["deactivated"], locked["tokens_revoked"]) == (True, 1)
    assert other.get(f"{BASE}/auth/me").status_code == 401


ABSENT = [
    ("POST", "/auth/signup"), ("POST", "/auth/password-reset"), ("POST", "/auth/password-reset/complete"),
    ("POST", "/users/1/password-reset"),
    ("GET", "/auth/me/ftp-credentials")]


@pytest.mark.parametrize(("method", "path"), ABSENT)
def test_what_there_is_none_of_says_what_to_do_instead(admin: ValidatingClient, method: str, path: str) -> None:
    answer = send(admin, method, path, None if method in ("GET", "DELETE") else {"email": "ada@example.org"})

    assert (answer.status_code, answer.json()["code"]) == (501, "not_implemented")
    assert answer.json()["details"]["remedy"]


def test_a_hash_is_accepted_and_dropped_by_requests_that_another_admin_approves(site: Site, admin: ValidatingClient) -> None:
    test, digest = add_regression_test(), digest_of("another")
    path, reviewer = f"/regression-tests/{test.regression_id}", site.as_user(add_user("reviewer", role=Role.ADMIN))

    filed = send(admin, "POST", f"{path}/outputs/{test.output_id}/variants", {"hash": digest.upper()})
    waiting = ask(admin, path)["outputs"][0]["variants"]
    reviewer.post(f"/api/v1/baseline-approvals/{filed.json()['approval_id']}/approve", json={})
    accepted = ask(admin, path)["outputs"][0]["variants"]
    again = send(admin, "DELETE", f"{path}/outputs/{test.output_id}/variants/{accepted[0]['id']}")
    reviewer.post(f"/api/v1/baseline-approvals/{again.json()['approval_id']}/approve", json={})

    assert (filed.status_code, filed.json()["status"], filed.json()["hash"], waiting) == (202, "pending", digest, [])
    assert [each["hash"] for each in accepted] == [digest]
    assert (again.status_code, again.json()["id"], ask(admin, path)["outputs"][0]["variants"]) == (202, accepted[0]["id"], [])


def test_a_variant_that_there_is_none_of_is_not_dropped(admin: ValidatingClient) -> None:
    test = add_regression_test()

    assert send(admin, "DELETE", f"/regression-tests/{test.regression_id}/outputs/{test.output_id}/variants/1").status_code == 404


def test_an_approval_drops_no_variants(admin: ValidatingClient) -> None:
    wish = {"regression_id": 1, "output_id": 1, "remove_variants": True}

    answer = send(admin, "POST", f"/runs/{add_run()}/samples/1/baseline-approval", wish)

    assert (answer.status_code, answer.json()["details"]["remove_variants"]) == (422, True)
