"""The system's own state: health, queue, branches, environments."""
from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.services.health_probes import HealthProbes
from api.storage.database import db, session, transact
from api.supervision.loop import Background, Task
from contract.client import ValidatingClient
from tests.background.faults import Monotonic
from tests.builders import add_event, add_finished_run, add_regression_test, add_run, add_user, minutes
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site
from tests.specfirst.asking import ask as ask_plainly
from tests.submitted_jobs import add_job

HEALTH = "/api/v1/system/health"
QUEUE = "/api/v1/system/queue"
BRANCHES = "/api/v1/branches"
ENVIRONMENTS = "/api/v1/environments"

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(site: Site) -> Ask:
    """Get a page as somebody who may only look."""
    client = site.as_role(Role.USER)

    def get(path: str, **query: Any) -> dict[str, Any]:
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    return get


def states(answer: Any) -> dict[str, str]:
    """The state of each dependency that is not a task of the server's own, and the whole's."""
    body = answer.json()
    found = {each["name"]: each["status"] for each in body["dependencies"] if not each["name"].startswith("background_")}
    return found | {"": body["status"]}


def test_a_system_in_order_says_so_to_anybody(site: Site) -> None:
    answer = site.client.get(HEALTH)

    assert (answer.status_code, answer.json()["checked_at"]) == (200, "2026-11-21T12:00:00Z")
    assert states(answer) == {"": "ok", "database": "ok", "file_store": "ok", "job_agents": "ok"}


def test_jobs_that_wait_while_no_agent_runs_are_told(make_site: MakeSite) -> None:
    site = make_site()
    add_job(add_user())

    answer = site.client.get(HEALTH)

    assert {"name": "job_agents", "status": "degraded", "message": "No agent runs, so jobs wait."} in answer.json()["dependencies"]
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


def test_agents_are_no_matter_where_jobs_are_refused(make_site: MakeSite) -> None:
    site = make_site(jobs="off")

    assert "job_agents" not in states(site.client.get(HEALTH))


def break_database(site: Site, database: Path) -> None:
    """Leave a folder where the database's file was, and no connection that the server's own threads opened meanwhile."""
    while not database.is_dir():
        for file in database.parent.glob(database.name + "*"):
            file.unlink(missing_ok=True)
        with suppress(FileExistsError):
            database.mkdir()
    # The operations have a Flask application, and the server's own threads another, each with a pool of connections.
    for engines in db._app_engines.values():
        engines[None].dispose()


def test_without_its_database_the_system_is_down(make_site: MakeSite, sqlite_path: Path) -> None:
    site = make_site()
    break_database(site, sqlite_path)

    answer = site.client.get(HEALTH)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert {name: status for name, status in states(answer).items() if name in ("", "database")} == {"": "down", "database": "down"}


def test_what_a_probe_ran_into_stays_in_the_log(make_site: MakeSite, sqlite_path: Path) -> None:
    site = make_site()
    break_database(site, sqlite_path)

    assert str(sqlite_path) not in site.client.get(HEALTH).text


def test_without_its_database_every_operation_is_unavailable_or_needs_none(make_site: MakeSite, sqlite_path: Path) -> None:
    site = make_site()
    client, path = site.as_role(Role.ADMIN), site.worker_path(add_run())
    break_database(site, sqlite_path)

    answers = [
        client.get("/api/v1/runs"), client.get("/api/v1/runs/1"), client.post("/api/v1/runs/1/cancel"),
        site.client.post(path, data={"type": "progress", "status": "testing", "message": ""}),
        site.client.post("/api/v1/auth/tokens", json={"email": "a@example.test", "password": "p" * 8, "token_name": "t"})]

    assert [answer.status_code for answer in answers] == [503] * 5
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)


def test_a_file_store_that_cannot_be_written_to_is_degraded(make_site: MakeSite) -> None:
    site = make_site()
    shutil.rmtree(site.files / "TempFiles")
    (site.files / "TempFiles").write_bytes(b"in the way")

    answer = site.client.get(HEALTH)

    assert answer.status_code == 200
    assert states(answer) == {"": "degraded", "database": "ok", "file_store": "degraded", "job_agents": "ok"}


def test_a_shared_store_of_limits_that_does_not_answer_is_degraded(make_site: MakeSite) -> None:
    site = make_site(rate_store="redis://127.0.0.1:1/0")

    answer = site.client.get(HEALTH)

    assert answer.status_code == 200
    assert states(answer) == {
        "": "degraded", "database": "ok", "file_store": "ok", "job_agents": "ok", "rate_limit_store": "degraded"}


def test_a_server_is_ready_while_its_database_answers_and_alive_without(make_site: MakeSite, sqlite_path: Path) -> None:
    site = make_site()
    before = [ask_plainly(site.app, path).status for path in ("/livez", "/readyz")]
    site = make_site()
    break_database(site, sqlite_path)

    after = [ask_plainly(site.app, path).status for path in ("/livez", "/readyz")]

    assert (before, after) == ([200, 200], [200, 503])


@pytest.mark.parametrize(("version", "status"), [("0000", 503), ("9999", 200)])
def test_a_server_is_ready_if_its_database_has_every_step_that_it_needs(make_site: MakeSite, version: str, status: int) -> None:
    site = make_site()
    transact(lambda: session().execute(text("UPDATE ci_schema_version SET version_num = :version"), {"version": version}))

    assert ask_plainly(site.app, "/readyz").status == status


def test_readiness_asks_the_database_one_question_and_liveness_none(make_site: MakeSite) -> None:
    site, asked = make_site(), []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if threading.current_thread().name.startswith("probe-"):
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        statuses = [ask_plainly(site.app, path).status for path in ("/livez", "/readyz", "/livez")]
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert (statuses, asked) == ([200] * 3, ["SELECT version_num FROM ci_schema_version"])


@pytest.fixture
def hanging(site: Site) -> Iterator[list[int]]:
    """A vital dependency that does not answer until the test is over; the list has an entry for each time it was asked."""
    collaborators: Any = site.app.app_context.collaborators
    own, released, asked = collaborators[HealthProbes], threading.Event(), []

    def hang() -> None:
        asked.append(1)
        released.wait()

    collaborators[HealthProbes] = HealthProbes(
        {"slow": hang, "quick": lambda: None}, vital=frozenset({"slow"}), timeout=0.05, remember=0)
    yield asked
    released.set()
    collaborators[HealthProbes] = own


def test_a_dependency_that_hangs_is_down_and_holds_nobody_up(site: Site, hanging: list[int]) -> None:
    answer = site.client.get(HEALTH)

    assert answer.status_code == 503
    assert states(answer) == {"": "down", "slow": "down", "quick": "ok"}


def test_a_probe_that_hangs_is_not_started_again(site: Site, hanging: list[int]) -> None:
    for _ in range(5):
        site.client.get(HEALTH)

    assert len(hanging) == 1


@contextmanager
def background(site: Site, monotonic: Monotonic, *tasks: Task) -> Iterator[Background]:
    """These tasks in place of the site's own, each done once; they are not run on."""
    collaborators: Any = site.app.app_context.collaborators
    own, made = collaborators[Background], Background(clock=site.clock, monotonic=monotonic)
    made.add(tasks)
    for loop in made._loops:
        loop.run_once()
    collaborators[Background] = made
    yield made
    collaborators[Background] = own


def fail() -> None:
    raise OSError("a secret path")


def test_a_task_that_failed_for_several_of_its_periods_makes_the_system_degraded_and_not_down(site: Site) -> None:
    monotonic = Monotonic()
    with background(site, monotonic, Task("sync", fail, every=30), Task("tidying", lambda: None, every=600)):
        soon = site.client.get(HEALTH)
        monotonic.seconds += 100
        late = site.client.get(HEALTH)

    found = [each for each in late.json()["dependencies"] if each["name"].startswith("background_")]
    assert (soon.json()["status"], late.status_code, late.json()["status"]) == ("ok", 200, "degraded")
    assert found == [
        {"name": "background_sync", "status": "degraded", "message": "No success for 100 seconds; 1 failures in a row."},
        {"name": "background_tidying", "status": "ok", "message": None}]


def test_each_task_of_the_server_is_part_of_its_health(site: Site) -> None:
    dependencies = site.client.get(HEALTH).json()["dependencies"]

    assert [each["name"].removeprefix("background_") for each in dependencies if each["name"].startswith("background_")] == [
        "platform_sync", "token_fingerprints", "lost_runs", "verdicts", "late_results", "dead_secrets", "abandoned_files", "job_logs",
        "job_states", "job_pings", "reauthorization"]


def test_the_queue_shows_what_runs_and_then_what_waits(site: Site, ask: Ask) -> None:
    waiting = [add_run(), add_run(platform="windows"), add_run(), add_run(platform="windows")]
    running = add_run()
    add_event(running, Phase.PREPARATION, at=minutes(1))
    add_finished_run(add_regression_test())

    queue = ask(QUEUE)

    assert [entry["run_id"] for entry in queue["data"]] == [running, *waiting]
    assert [entry["position"] for entry in queue["data"]] == [None, 1, 1, 2, 2]
    assert [entry["status"] for entry in queue["data"]] == ["running", *["queued"] * 4]
    assert (queue["queue_depth"], queue["running_count"], queue["pagination"]["total"]) == (4, 1, 5)


def test_a_place_in_the_queue_does_not_depend_on_the_page_or_filter(site: Site, ask: Ask) -> None:
    made = [add_run(platform=platform) for platform in ("linux", "windows", "linux", "linux")]

    pages = [ask(QUEUE, limit=1, offset=offset)["data"][0] for offset in range(4)]
    filtered = ask(QUEUE, platform="linux", status="queued")

    assert [(entry["run_id"], entry["position"]) for entry in pages] == list(zip(made, (1, 1, 2, 3), strict=True))
    assert [entry["position"] for entry in filtered["data"]] == [1, 2, 3]
    assert {(ask(QUEUE, limit=1, offset=offset)["queue_depth"]) for offset in range(6)} == {4}


def test_depth_and_running_count_follow_the_platform_alone(site: Site, ask: Ask) -> None:
    add_run()
    add_event(add_run(), Phase.TESTING)
    add_run(platform="windows")

    found = [ask(QUEUE, **query) for query in ({"platform": "linux"}, {"status": "running"},
        {"platform": "windows", "status": "running"})]

    assert [(queue["queue_depth"], queue["running_count"], queue["pagination"]["total"]) for queue in found] == [
        (1, 1, 2), (2, 1, 1), (1, 0, 0)]


def test_an_empty_queue_is_a_page_too(site: Site, ask: Ask) -> None:
    assert ask(QUEUE) == {
        "data": [], "pagination": {"limit": 50, "offset": 0, "total": 0, "next_offset": None}, "queue_depth": 0, "running_count": 0}


def test_branches_are_listed_once_with_their_newest_commit(site: Site, ask: Ask) -> None:
    add_run(branch="master", commit="a" * 40)
    add_run(branch="master", commit="b" * 40)
    add_run(branch="master", commit="c" * 40, platform="windows")
    add_run(branch="develop", commit="d" * 40)
    add_run(branch="master", commit="e" * 40, repository="Ada/ccextractor")
    add_run(branch="", commit="f" * 40)

    branches = ask(BRANCHES)

    assert [(each["repository"], each["name"], each["head_sha"][0]) for each in branches["data"]] == [
        ("Ada/ccextractor", "master", "e"), ("CCExtractor/ccextractor", "develop", "d"), ("CCExtractor/ccextractor", "master", "c")]
    assert branches["pagination"]["total"] == 3


@pytest.mark.parametrize(("query", "expected"), [
    ({"name": "MAST"}, ["master"]), ({"name": "_"}, ["under_score"]), ({"name": "%"}, []), ({"name": "\u00c4"}, []),
    ({"name": "\u00e4"}, ["br\u00e4nch"]), ({"repository": "ccextractor/CCExtractor", "name": "m"}, ["master"]),
    ({"repository": "x/y"}, []),
    ({"limit": 1, "offset": 1}, ["master"])])
def test_branches_are_narrowed_and_paged(site: Site, ask: Ask, query: dict[str, Any], expected: list[str]) -> None:
    for branch in ("master", "under_score", "br\u00e4nch"):
        add_run(branch=branch)

    assert [each["name"] for each in ask(BRANCHES, **query)["data"]] == expected


def test_a_branch_is_active_while_its_newest_run_is_recent(site: Site, ask: Ask) -> None:
    for branch, days in (("old", 91), ("edge", 90), ("new", 1)):
        add_event(add_run(branch=branch), Phase.TESTING, at=minutes(-days * 24 * 60))

    active = {each["name"]: each["active"] for each in ask(BRANCHES)["data"]}

    assert active == {"old": False, "edge": True, "new": True}
    assert [each["name"] for each in ask(BRANCHES, active="false")["data"]] == ["old"]
    assert [each["name"] for each in ask(BRANCHES, active="true")["data"]] == ["edge", "new"]


def test_environments_are_as_configured_with_the_mean_of_the_last_runs(make_site: MakeSite) -> None:
    site = make_site(environments="""[
        {"environment_id": "ubuntu", "platform": "linux", "runner_label": "big"},
        {"environment_id": "server", "platform": "windows", "active": false}]""")
    client: ValidatingClient = site.as_role(Role.USER)
    add_finished_run(add_regression_test())

    answers = [client.get(ENVIRONMENTS, params=query).json()["data"] for query in ({}, {"active": "false"}, {"platform": "linux"})]

    ubuntu = {
        "environment_id": "ubuntu", "platform": "linux", "active": True, "runner_label": "big", "average_duration_ms": 1_200_000}
    server = {"environment_id": "server", "platform": "windows", "active": False, "runner_label": None, "average_duration_ms": None}
    assert answers == [[ubuntu, server], [server], [ubuntu]]


@pytest.mark.parametrize(("path", "query", "field"), [
    (QUEUE, "status=pass", "status"), (QUEUE, "platform=mac", "platform"), (QUEUE, "limit=0", "limit"),
    (BRANCHES, "active=1", "active"),
    (BRANCHES, "active=True", "active"), (BRANCHES, "name=" + "n" * 101, "name"), (BRANCHES, "repository=x", "repository"),
    (ENVIRONMENTS, "active=", "active"), (ENVIRONMENTS, "offset=x", "offset"), (HEALTH, "deep=true", "deep")])
def test_what_the_document_does_not_allow_is_refused_by_name(site: Site, path: str, query: str, field: str) -> None:
    answer = site.as_role(Role.USER).get(f"{path}?{query}")

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, [field])
