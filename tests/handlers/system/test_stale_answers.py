"""Whatever the platform, workers and people do between two reads, no server answers with what was true before."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.services.results import verdicts
from api.specfirst.responses.stored_answers import StoredAnswers
from api.storage.database import change, session, transaction
from api.storage.files.paths import result_name
from api.storage.platform_tables import ResultFileRow, ResultRow, UserRow
from api.storage.runs.platform_changes import mark_outdated
from tests.builders import BASELINE, NOW, BuiltTest, add_event, add_output, add_regression_test, add_result, add_run, digest_of
from tests.databases import Database
from tests.examples import examples
from tests.handlers.site import Site, build_site
from tests.platform_writes import change_run, deactivate, delete_last_event, delete_results, delete_run, rename_sample, restart_run

PARTS = (
    "", "/summary", "/progress", "/config", "/samples", "/samples?status=fail", "/errors", "/error-summary", "/infrastructure-errors",
    "/junit.xml", "/artifacts", "/samples/{sample_id}", "/compare")
LISTS = ("/runs", "/runs?status=fail", "/regression-tests", "/samples", "/samples/{sample_id}/history")


@dataclass
class World:
    """Two servers on one database, each of which keeps what it may; one that keeps nothing; and what runs there are."""

    servers: list[Site]
    oracle: Site
    tests: list[BuiltTest] = field(default_factory=list)
    run_ids: list[int] = field(default_factory=list)
    tags: dict[tuple[int, str], str] = field(default_factory=dict)
    minute: int = 0

    def at(self) -> Any:
        """An instant later than all before."""
        self.minute += 1
        return NOW + timedelta(minutes=self.minute)

    def ask(self, site: Site, path: str, **headers: str) -> Any:
        """A server's answer."""
        return site.as_role(Role.ADMIN).get(f"/api/v1{path}", headers=headers)

    def check(self, server: int, path: str) -> None:
        """What a server answers, with the tag of what it answered before, is what one answers that has kept nothing."""
        tag = self.tags.get((server, path))
        answer = self.ask(self.servers[server], path, **({"If-None-Match": tag} if tag else {}))
        verdicts._judged.clear()
        true = self.ask(self.oracle, path)
        if answer.status_code == 304:
            assert true.headers["ETag"] == tag, path
        else:
            assert answer.status_code == true.status_code, path
            # A refusal names its request.
            assert answer.status_code != 200 or answer.content == true.content, path
        if "ETag" in answer.headers:
            self.tags[server, path] = answer.headers["ETag"]


def new_run(world: World, number: int) -> None:
    run_id = add_run(requester_id=None, tests=[test.regression_id for test in world.tests[:1 + number % 2]])
    add_event(run_id, Phase.TESTING, at=world.at())
    for test in world.tests[:number % 3]:
        add_result(run_id, test.regression_id, exit_code=(0, 139, 1)[number % 3])
    add_event(run_id, Phase.COMPLETED, at=world.at())
    world.run_ids.append(run_id)


def late_result(world: World, run_id: int, number: int) -> None:
    test = world.tests[number % len(world.tests)]
    if not session().execute(select(ResultRow).filter_by(test_id=run_id, regression_test_id=test.regression_id)).first():
        add_result(run_id, test.regression_id, exit_code=number % 2)


def late_output(world: World, run_id: int, number: int) -> None:
    test = world.tests[number % len(world.tests)]
    if not session().execute(select(ResultFileRow).filter_by(test_id=run_id, regression_test_id=test.regression_id)).first():
        add_output(run_id, test.regression_id, test.output_id, got=(None, digest_of("other"))[number % 2])


def restarted(world: World, run_id: int, number: int) -> None:
    restart_run(run_id)
    if number % 2:
        add_event(run_id, Phase.TESTING, at=world.at())


def canceled(world: World, run_id: int, number: int) -> None:
    add_event(run_id, Phase.CANCELED, ("Canceled by ada", "Build failed: make error 2")[number % 2], at=world.at())


def completed(world: World, run_id: int, number: int) -> None:
    add_event(run_id, Phase.COMPLETED, at=world.at())


def last_event_deleted(world: World, run_id: int, number: int) -> None:
    delete_last_event(run_id)


def results_deleted(world: World, run_id: int, number: int) -> None:
    delete_results(run_id)


def sample_renamed(world: World, run_id: int, number: int) -> None:
    rename_sample(world.tests[0].sample_id, f"name{number % 3}.ts")


def requester_changed(world: World, run_id: int, number: int) -> None:
    with transaction():
        change(update(UserRow).values(name=UserRow.name + "x"))


def branch_renamed(world: World, run_id: int, number: int) -> None:
    change_run(run_id, commit=f"{number % 7}" * 40)


def judged_by_older_rules(world: World, run_id: int, number: int) -> None:
    with transaction():
        mark_outdated()


def regression_test_deactivated(world: World, run_id: int, number: int) -> None:
    deactivate(world.tests[number % len(world.tests)])


def baseline_file_changed(world: World, run_id: int, number: int) -> None:
    file = world.oracle.files / (result_name(BASELINE, ".srt") or "")
    if file.exists():
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"baseline")


def deleted(world: World, run_id: int, number: int) -> None:
    delete_run(run_id)
    world.run_ids.remove(run_id)


DEEDS: tuple[Callable[[World, int, int], None], ...] = (
    late_result, late_output, restarted, canceled, completed, last_event_deleted, results_deleted, sample_renamed, requester_changed,
    branch_renamed, judged_by_older_rules, regression_test_deactivated, baseline_file_changed, deleted)
reads = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.sampled_from(PARTS) | st.sampled_from(LISTS)), min_size=1, max_size=4)
steps = st.lists(st.tuples(st.none() | st.sampled_from(DEEDS), st.integers(0, 11), reads), min_size=2, max_size=6)


@pytest.fixture(
    params=[pytest.param("sqlite", marks=pytest.mark.verify), pytest.param("mariadb", marks=pytest.mark.mariadb)], scope="module")
def world(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Servers on an empty database."""
    folder = tmp_path_factory.mktemp("world")
    url = (f"sqlite:///{folder / 'ci.db'}" if request.param == "sqlite" else request.getfixturevalue("mariadb_url"))
    (folder / "ci.db").write_bytes(sqlite_template.read_bytes())
    with ExitStack() as stack:
        sites = [build_site(folder, folder / "ci.db", database_url=url) for _ in range(3)]
        for site in sites:
            stack.enter_context(site.client)
        stack.enter_context(sites[0].app.flask.app_context())
        yield World(sites[:2], sites[2])


@settings(max_examples=examples(45), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 5), steps)
def test_a_server_that_keeps_answers_gives_those_of_one_that_keeps_none(world: World, first: int, steps: list[Any]) -> None:
    Database(world.servers[0].app.flask, world.servers[0].settings.database_url).empty()
    for site in (*world.servers, world.oracle):
        site.accounts.clear()
    admin = world.servers[0].account(Role.ADMIN)
    for site in (world.servers[1], world.oracle):
        site.accounts[Role.ADMIN.value] = admin
    world.tests, world.run_ids, world.tags = [add_regression_test() for _ in range(2)], [], {}
    new_run(world, first)
    new_run(world, first + 1)

    with pytest.MonkeyPatch.context() as patch:
        oracles_answers = world.oracle.app._middleware_app._stored
        patch.setattr(oracles_answers, "keep", lambda key, answer: None)
        for deed, number, seen in steps:
            session().rollback()
            if deed is not None and world.run_ids:
                deed(world, world.run_ids[number % len(world.run_ids)], number)
            elif deed is None:
                new_run(world, number)
            for server, which, part in seen:
                known = world.run_ids[which % len(world.run_ids)] if world.run_ids else 1
                path = part if part in LISTS else f"/runs/{known}{part}"
                world.check(server, path.format(sample_id=world.tests[0].sample_id))
    assert isinstance(oracles_answers, StoredAnswers)
