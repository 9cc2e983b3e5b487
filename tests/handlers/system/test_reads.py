"""What only reads asks the database its questions, and says nothing else to it."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from api.services.runs.platform_sync import judge_pending
from api.storage import mariadb
from api.storage.database import session
from contract.documents import Operation, load_documents
from contract.largest_requests import requests_of
from tests.builders import add_token
from tests.databases import hang_up, opened
from tests.handlers.site import build_site
from tests.handlers.system.conftest import Abundant, abundant_site
from tests.mariadb import Server
from tests.traffic import sent

READS = [
    operation for document in load_documents() for operation in document.operations
    if operation.method == "get" and "501" not in operation.responses]


@pytest.fixture(scope="module", params=[
    pytest.param("mariadb", marks=pytest.mark.mariadb), pytest.param("sqlite", marks=pytest.mark.verify)])
def settled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Abundant]:
    """A server with much of everything, on either kind of database, that has all its connections, and nothing left to judge."""
    with ExitStack() as stack:
        # However long a connection was idle, it is not asked.
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(mariadb, "TRUSTED_SECONDS", float("inf"))
        if request.param == "sqlite":
            found = request.getfixturevalue("abundant")
        else:
            folder, server = tmp_path_factory.mktemp("settled"), request.getfixturevalue("mariadb_server")
            found = stack.enter_context(_abundant_on(server, folder))
        while judge_pending(100):
            pass
        session().rollback()
        engine = found.site.database.engine
        for connection in [engine.connect() for _ in range(engine.pool.size())]:
            connection.close()
        yield found


@contextmanager
def _abundant_on(server: Server, folder: Path) -> Iterator[Abundant]:
    url = server.create_database()
    text = url.render_as_string(hide_password=False)
    with opened(text):
        pass
    with abundant_site(build_site(folder, folder / "unused", database_url=text)) as made:
        yield made
    hang_up(text)
    server.drop_database(url)


@pytest.mark.parametrize("operation", READS, ids=lambda each: each.operation_id)
def test_a_read_sends_no_word_besides_its_queries(settled: Abundant, operation: Operation) -> None:
    asked, *_ = requests_of(operation, settled.known)
    token = add_token(settled.owner, now=settled.site.clock.now)
    first = settled.send(asked, token)

    with sent(settled.site.database.engine) as words:
        answer = settled.send(asked, token)

    assert answer.status_code == first.status_code < 500, answer.text[:200]
    # Behind dashes SQLite tells what a query does within itself.
    assert [each for each in words if not each.startswith(("SELECT ", "WITH RECURSIVE ", "-- "))] == []


# What reads two runs, tells of the whole installation, or has the newest of each platform beside a page.
MORE = {
    "compare_runs": 5, "triage_run": 7, "list_clusters": 5, "get_cluster": 5, "get_metrics": 12, "stream_run_log": 100,
    "list_regression_test_history": 6}
# A version that is made of more than the run: of another run, of the library, or for those alone who may know that there is a run.
OTHER_VERSIONS = {
    "compare_runs": 5, "triage_run": 7, "list_clusters": 5, "get_cluster": 5, "get_diff": 3,
    "list_run_samples": 3, "get_run_sample": 3, "list_infrastructure_errors": 3}
PARTS = [operation for operation in READS if "304" in operation.responses and "{run_id}" in operation.path]


def most_statements(operation: Operation, status: int) -> int:
    """How many statements a read may take, with that of its token."""
    return MORE.get(operation.operation_id, 3 if "{run_id}" in operation.path and status == 200 else 5)


@pytest.mark.parametrize("operation", READS, ids=lambda each: each.operation_id)
def test_a_read_takes_three_statements_of_a_finished_run_and_five_of_anything_else(settled: Abundant, operation: Operation) -> None:
    token = add_token(settled.owner, now=settled.site.clock.now)
    for asked in requests_of(operation, settled.known):
        settled.send(asked, token)

        with sent(settled.site.database.engine) as words:
            answer = settled.send(asked, token)

        assert len(words) <= most_statements(operation, answer.status_code), (answer.status_code, asked.target, words)


@pytest.mark.parametrize("operation", PARTS, ids=lambda each: each.operation_id)
def test_who_has_a_part_of_a_finished_run_is_told_so_for_two_statements(settled: Abundant, operation: Operation) -> None:
    token = add_token(settled.owner, now=settled.site.clock.now)
    asked, *_ = requests_of(operation, settled.known)
    tag = settled.send(asked, token).headers["ETag"]

    with sent(settled.site.database.engine) as words:
        answer = settled.send(replace(asked, headers={**asked.headers, "If-None-Match": tag}), token)

    assert answer.status_code == 304
    assert len(words) <= OTHER_VERSIONS.get(operation.operation_id, 2), words
