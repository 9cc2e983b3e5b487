"""Health over HTTP: what is told to whom while parts of the system are away, hang or fail."""
from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from api.domain.auth.access import Role
from api.services.health_probes import HealthProbes
from api.storage.database import db, session, transact
from api.supervision.loop import Background, Task
from tests.background.faults import Monotonic
from tests.builders import add_run, add_user
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site
from tests.handlers.system.asked import HEALTH, states
from tests.specfirst.asking import ask as ask_plainly
from tests.submitted_jobs import add_job


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
        "platform_sync", "token_fingerprints", "lost_runs", "verdicts", "late_results", "dead_secrets", "abandoned_files", "inspector",
        "analyses", "lost_jobs", "job_file_cleanup", "job_logs", "job_states", "job_pings", "reauthorization"]
