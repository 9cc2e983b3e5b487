"""Triggering a run: who may, of what, with which tests, where, and once only."""
from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import func, select

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from api.storage.platform_tables import CustomizedTestRow, ForkRow, TestForkRow, TestRow
from contract.client import ValidatingClient
from tests.builders import MAIN_REPOSITORY, BuiltTest, Output, add_event, add_regression_test, digest_of
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site
from tests.platform_writes import deactivate

RUNS = "/api/v1/runs"
COMMIT = "0632bff4e382d5f86eff9073b9ddd37f03f9778c"
STRANGERS = "Stranger/ccextractor"
ENVIRONMENTS = """[
    {"environment_id": "old", "platform": "linux", "active": false}, {"environment_id": "ubuntu", "platform": "linux"},
    {"environment_id": "debian", "platform": "linux"}, {"environment_id": "server", "platform": "windows"}]"""


def trigger(client: ValidatingClient, *, key: str | None = None, **changes: Any) -> Any:
    """Ask for a run of the main repository."""
    body = {"repository": MAIN_REPOSITORY, "commit_sha": COMMIT, "platform": "linux"} | changes
    return client.post(RUNS, json=body, headers={} if key is None else {"Idempotency-Key": key})


def matrix(client: ValidatingClient, run_id: int) -> list[int]:
    """The regression tests that a run is to execute."""
    ids: list[int] = client.get(f"{RUNS}/{run_id}/config").json()["regression_test_ids"]
    return ids


@pytest.fixture
def test(site: Site) -> BuiltTest:
    """The one regression test that there is, and is active."""
    return add_regression_test()


@pytest.fixture
def tester(site: Site) -> ValidatingClient:
    """A client of the tester's account."""
    return site.as_role(Role.TESTER)


def test_a_run_is_queued_with_everything_that_was_asked_for(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    answer = trigger(
        tester, branch="feature/x", pull_request=2264, commit_sha=COMMIT.upper(), parent_sha="b" * 40, merge_base_sha="c" * 40,
        regression_test_ids=[test.regression_id], environment_id="linux-latest")

    run = answer.json()
    links, run_ids = run.pop("links"), run.pop("run_ids")
    assert (answer.status_code, run_ids) == (202, [run["run_id"]])
    assert run == {
        "run_id": run["run_id"], "status": "queued", "repository": MAIN_REPOSITORY, "branch": "feature/x", "commit_sha": COMMIT,
        "commit_short": COMMIT[:7], "pull_request": 2264, "platform": "linux", "run_errors": "unknown", "triggered_by": "tester",
        "created_at": "2026-11-21T12:00:00Z", "queued_at": "2026-11-21T12:00:00Z", "started_at": None, "completed_at": None,
        "duration_ms": None, "source_run_id": None, "replaced_by": None, "environment_id": "linux-latest", "reason": None,
        "parent_sha": "b" * 40, "merge_base_sha": "c" * 40, "build_duration_ms": None, "shards": 1}
    assert links["self"] == answer.headers["Location"] == f"https://ci.example.test/api/v1/runs/{run['run_id']}"


def test_a_new_run_can_be_read_at_once(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    made = trigger(tester).json()
    del made["run_ids"]

    assert tester.get(f"{RUNS}/{made['run_id']}").json() == made


def test_links_never_follow_the_host_that_the_client_names(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    answer = trigger(tester.with_headers(Host="evil.example", X_Forwarded_Host="evil.example"))

    assert "evil.example" not in answer.text + str(answer.headers)


def test_the_platforms_own_programs_see_the_run_with_a_fresh_secret(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    runs = [trigger(tester).json()["run_id"], trigger(tester, pull_request=7,
        regression_test_ids=[test.regression_id]).json()["run_id"]]

    rows = site.rows(select(
        TestRow.id, TestRow.test_type, TestRow.pr_nr, TestRow.branch, TestRow.commit, TestRow.token).order_by(TestRow.id))
    restricted = site.rows(select(CustomizedTestRow.test_id, CustomizedTestRow.regression_id))
    assert [tuple(row[:5]) for row in rows] == [(runs[0], "commit", 0, "", COMMIT), (runs[1], "pr", 7, "", COMMIT)]
    assert all(re.fullmatch("[A-Za-z0-9]{64}", row.token) for row in rows) and rows[0].token != rows[1].token
    assert [tuple(row) for row in restricted] == [(runs[1], test.regression_id)]


@pytest.mark.parametrize(("role", "login", "repository", "status"), [
    *[(role, None, MAIN_REPOSITORY, 202) for role in (Role.ADMIN, Role.TESTER, Role.CONTRIBUTOR)],
    *[(role, None, "friends/Extractor", 202) for role in (Role.ADMIN, Role.TESTER, Role.CONTRIBUTOR)],
    *[(role, "ada", STRANGERS, 403) for role in Role],
    *[(role, "Ada", "ADA/ccextractor", 202) for role in Role],
    *[(role, "ada", "ada-evil/ccextractor", 403) for role in Role],
    (Role.USER, None, MAIN_REPOSITORY, 403), (Role.USER, None, "Friends/extractor", 403),
    (Role.USER, None, "None/ccextractor", 403),
    (Role.USER, "", "/ccextractor", 400), (Role.ADMIN, None, "CCExtractor/another", 403),
    (Role.ADMIN, None, "ccextractor/CCEXTRACTOR", 202),
    (Role.USER, "CCExtractor", MAIN_REPOSITORY, 202)])
def test_a_repository_is_run_for_those_alone_who_may(
        site: Site, test: BuiltTest, role: Role, login: str | None, repository: str, status: int) -> None:
    client = site.as_user(site.account(role, "ada", github_login=login))

    answer = trigger(client, repository=repository)

    assert answer.status_code == status
    assert len(site.rows(select(TestRow.id))) == (status == 202)


def test_a_strangers_repository_is_refused_with_words_of_our_own(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    answer = trigger(tester, repository="ignore-all/instructions")

    refusal = answer.json()
    assert refusal["code"] == "forbidden"
    assert "ignore-all" not in refusal["message"] + refusal["details"]["remedy"]
    assert refusal["details"]["main_repository"] == MAIN_REPOSITORY


def test_a_role_that_does_not_suffice_is_told_which_ones_do(site: Site, test: BuiltTest) -> None:
    refusal = trigger(site.as_role(Role.USER)).json()

    assert refusal["details"]["required_roles"] == ["admin", "contributor", "tester"]
    assert refusal["details"]["role"] == "user"


def test_rights_are_looked_at_before_the_tests_that_were_chosen(site: Site) -> None:
    assert trigger(site.as_role(Role.USER), regression_test_ids=[]).status_code == 403


def test_a_token_without_the_scope_is_refused_whatever_the_role(site: Site, test: BuiltTest) -> None:
    refusal = trigger(site.as_role(Role.ADMIN, Scope.RUNS_READ)).json()

    assert refusal["details"]["required_scope"] == "runs:write"


def test_a_fork_is_noted_where_the_platform_looks_for_it(site: Site, test: BuiltTest) -> None:
    ada = site.account(Role.USER, "ada", github_login="ada")

    run_id = trigger(site.as_user(ada), repository="Ada/ccextractor").json()["run_id"]
    trigger(site.as_role(Role.TESTER))

    assert [tuple(row) for row in site.rows(select(TestForkRow.user_id, TestForkRow.test_id))] == [(ada, run_id)]


def test_a_repository_in_other_letters_is_the_same_repository(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    trigger(tester)

    again = trigger(tester, repository=MAIN_REPOSITORY.lower())

    assert site.rows(select(func.count()).select_from(ForkRow))[0][0] == 1
    assert again.json()["repository"] == MAIN_REPOSITORY


def test_all_active_tests_are_chosen_where_none_are_named(site: Site, tester: ValidatingClient) -> None:
    active = [add_regression_test().regression_id for _ in range(3)]
    add_regression_test(active=False)

    run_id = trigger(tester).json()["run_id"]

    assert matrix(tester, run_id) == active
    assert site.rows(select(CustomizedTestRow)) == []


def test_named_tests_are_run_in_ascending_order(site: Site, tester: ValidatingClient) -> None:
    first, second, _ = (add_regression_test().regression_id for _ in range(3))

    run_id = trigger(tester, regression_test_ids=[second, first]).json()["run_id"]

    assert matrix(tester, run_id) == [first, second]


def test_no_tests_at_all_are_unprocessable(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    answer = trigger(tester, regression_test_ids=[])

    assert (answer.status_code, answer.json()["code"]) == (422, "unprocessable")


def test_tests_that_cannot_be_run_are_named_by_why(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    inactive = add_regression_test(active=False).regression_id

    answer = trigger(tester, regression_test_ids=[2_147_483_647, inactive, test.regression_id, inactive + 1000])

    details = answer.json()["details"]
    assert answer.status_code == 422
    assert (details["inactive_ids"], details["unknown_ids"]) == ([inactive], [inactive + 1000, 2_147_483_647])
    assert site.rows(select(TestRow.id)) == []


@pytest.mark.parametrize("ids", [[1, 1], [0], [-1], [2_147_483_648], ["1"], [1.5], [None], [True], "1", {"id": 1},
    list(range(1, 502))])
def test_malformed_choices_of_tests_are_refused_by_name(site: Site, tester: ValidatingClient, test: BuiltTest, ids: object) -> None:
    answer = trigger(tester, regression_test_ids=ids)

    assert answer.status_code == 400
    assert all(field.startswith("regression_test_ids") for field in answer.json()["details"]["fields"])


@pytest.mark.parametrize("active", [None, False])
def test_nothing_is_run_where_no_test_is_active(site: Site, tester: ValidatingClient, active: bool | None) -> None:
    if active is not None:
        add_regression_test(active=active)

    assert trigger(tester).status_code == 422


@pytest.mark.parametrize(("platform", "wanted", "status", "chosen"), [
    ("linux", None, 202, "ubuntu"), ("linux", "debian", 202, "debian"), ("windows", None, 202, "server"),
    ("linux", "old", 422, None),
    ("linux", "server", 422, None), ("windows", "ubuntu", 422, None), ("linux", "unheard of", 422, None), ("linux", "", 422, None)])
def test_a_run_gets_an_environment_that_takes_runs_of_its_platform(
        make_site: MakeSite, platform: str, wanted: str | None, status: int, chosen: str | None) -> None:
    site = make_site(environments=ENVIRONMENTS)
    add_regression_test()

    answer = trigger(site.as_role(Role.TESTER), platform=platform, **({} if wanted is None else {"environment_id": wanted}))

    assert answer.status_code == status
    assert answer.json().get("environment_id") == chosen


def test_a_platform_without_an_environment_takes_no_runs(make_site: MakeSite) -> None:
    site = make_site(environments='[{"environment_id": "only", "platform": "linux"}]')
    add_regression_test()

    answer = trigger(site.as_role(Role.TESTER), platform="windows")

    assert (answer.status_code, answer.json()["details"]["environment_ids"]) == (422, [])


def test_the_set_of_a_run_is_frozen_when_it_is_made(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    run_id = trigger(tester).json()["run_id"]

    later = add_regression_test(outputs=[Output(digest_of("later"))])

    assert matrix(tester, run_id) == [test.regression_id]
    assert matrix(tester, trigger(tester).json()["run_id"]) == [test.regression_id, later.regression_id]


def test_a_repeat_of_a_request_is_answered_with_the_first_run(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    first = trigger(tester, key="k1").json()
    add_event(first["run_id"], Phase.PREPARATION)
    site.clock.advance(hours=24)

    again = trigger(tester, key="k1")

    assert (again.status_code, again.json()["run_id"], again.json()["status"]) == (202, first["run_id"], "running")


def test_the_order_of_a_bodys_members_makes_no_other_request(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    bodies = [b'{"repository": "%s", "commit_sha": "%s", "platform": "linux"}',
        b'{"platform":"linux","repository":"%s","commit_sha":"%s"}']
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}

    runs = [tester.post(RUNS, content=body % (MAIN_REPOSITORY.encode(), COMMIT.encode()),
        headers=headers).json() for body in bodies]

    assert runs[0] == runs[1]


def test_a_key_with_another_body_is_unprocessable(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    trigger(tester, key="k1")

    answer = trigger(tester, key="k1", branch="other")

    assert (answer.status_code, answer.json()["details"]["header"]) == (422, "Idempotency-Key")
    assert len(site.rows(select(TestRow.id))) == 1


def test_a_key_is_forgotten_after_a_day(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    first = trigger(tester, key="k1").json()["run_id"]

    site.clock.advance(hours=24, seconds=1)

    assert trigger(tester, key="k1", branch="other").json()["run_id"] != first


def test_a_key_belongs_to_its_user(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    assert trigger(tester, key="k1").json()["run_id"] != trigger(site.as_role(Role.ADMIN), key="k1").json()["run_id"]


def test_a_request_that_was_refused_leaves_its_key_free(site: Site, tester: ValidatingClient) -> None:
    refused = trigger(tester, key="k1").status_code
    add_regression_test()

    assert (refused, trigger(tester, key="k1", branch="other").status_code) == (422, 202)


def test_a_request_sent_many_times_at_once_makes_one_run(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    answers = site.together(*[lambda: trigger(tester, key="k1")] * 8)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["run_id"] for answer in answers}) == len(site.rows(select(TestRow.id))) == 1


@pytest.mark.parametrize("key", ["", "two words", "k\u00e9y", "k" * 256])
def test_malformed_keys_are_refused_by_name(site: Site, tester: ValidatingClient, test: BuiltTest, key: str) -> None:
    body = {"repository": MAIN_REPOSITORY, "commit_sha": COMMIT, "platform": "linux"}

    answer = tester.post(RUNS, json=body, headers={"Idempotency-Key": key.encode()})

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, ["Idempotency-Key"])


@pytest.mark.parametrize("changes", [
    {"repository": "no slash"}, {"repository": "a/b\n"}, {"repository": "a/b/c"}, {"repository": "r" * 100 + "/x"},
    {"branch": "a b"},
    {"branch": "b" * 101}, {"branch": "main\n"}, {"commit_sha": "abc"}, {"commit_sha": COMMIT + "\n"}, {"commit_sha": "g" * 40},
    {"platform": "Linux"}, {"platform": None}, {"pull_request": 0}, {"pull_request": 2_147_483_648}, {"parent_sha": None},
    {"merge_base_sha": "x"}, {"repeat": 0}, {"repeat": 6}, {"repeat": None},
    {"shards": 0}, {"shards": 65}, {"shards": None}, {"environment_id": "e" * 51}, {"surprise": 1}])
def test_malformed_fields_are_refused_by_name(
        site: Site, tester: ValidatingClient, test: BuiltTest, changes: dict[str, object]) -> None:
    answer = trigger(tester, **changes)

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, list(changes))


def test_a_pull_request_may_be_null(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    assert trigger(tester, pull_request=None).json()["pull_request"] is None


def test_a_repeat_is_answered_even_when_it_could_not_be_asked_for_any_more(
        site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    first = trigger(tester, key="k1", regression_test_ids=[test.regression_id]).json()["run_id"]
    deactivate(test)

    again = trigger(tester, key="k1", regression_test_ids=[test.regression_id])

    assert (again.status_code, again.json()["run_id"]) == (202, first)
