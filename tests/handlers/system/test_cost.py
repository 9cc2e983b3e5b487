"""What the largest request of each operation, and the nastiest that is refused, may ask of the database and of the network."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from api.domain.auth.access import Role
from contract.documents import Operation, load_documents, load_pages
from contract.largest_requests import Asked, nasty_requests_of, requests_of
from tests.builders import add_run
from tests.counting import Counted, counted
from tests.examples import each_day
from tests.handlers.site import PASSWORD
from tests.handlers.system.conftest import Abundant
from tests.submitted_jobs import zip_of


@dataclass(frozen=True)
class Bound:
    """The most that a request may ask for; the rows are those of some 120 things of each kind, a few for each."""

    statements: int = 30
    rows: int = 700
    size: int = 256 << 10


ORDINARY, REFUSED, PAGE = Bound(), Bound(statements=12, rows=50, size=32 << 10), Bound(size=150_000)
# A stream sends a whole log, whose state it asks for piece by piece; a diff compares whole files, in processes of its own.
EXCEPTIONS = {
    "stream_run_log": Bound(statements=100, size=8 << 20),
    "stream_job": Bound(size=8 << 20),
    "get_diff": Bound(size=2 << 20),
    "platform_get_diff": Bound(size=2 << 20),
}
# Their bodies are forms with files: the last test says what these ask for.
UPLOADS = {
    "submit_job", "submit_job_and_tell", "submit_job_async",
    "report", "report_at_root"}
OPERATIONS = [operation for document in load_documents() for operation in document.operations]
NAMES = {operation.operation_id for operation in OPERATIONS}
PAGES = [operation for operation in load_pages().operations if operation.method.upper() == "GET"]
WITHOUT_FILES = [operation for operation in OPERATIONS if operation.operation_id not in UPLOADS]


def _within(bound: Bound, counts: Counted, answer: Any) -> bool:
    return counts.statements <= bound.statements and counts.rows <= bound.rows and len(answer.content) <= bound.size


def _is_always_refused(operation: Operation) -> bool:
    """Whether the document says that there is nothing behind this operation."""
    responses = operation.raw["responses"]
    return "501" in responses and not any(status.startswith("2") for status in responses)


def test_the_exceptions_are_operations() -> None:
    assert EXCEPTIONS.keys() | UPLOADS <= NAMES


@pytest.mark.parametrize("operation", WITHOUT_FILES, ids=lambda each: each.operation_id)
def test_the_largest_request_takes_a_bounded_number_of_statements_rows_and_bytes(abundant: Abundant, operation: Operation) -> None:
    bound = EXCEPTIONS.get(operation.operation_id, ORDINARY)

    for asked in requests_of(operation, abundant.known):
        answer, counts = abundant.ask(asked)

        assert answer.status_code < 500 or _is_always_refused(operation), (str(asked), answer.text[:200])
        assert _within(bound, counts, answer), (str(asked), counts, len(answer.content))


@pytest.fixture(scope="module")
def session(abundant: Abundant) -> str:
    """The cookie of somebody who may see all pages."""
    answer = abundant.site.client._http.post(
        "/login", data={"email": f"{Role.ADMIN.value}@example.test", "password": PASSWORD}, headers={"Sec-Fetch-Site": "same-origin"},
        follow_redirects=False)
    return str(answer.headers["set-cookie"]).partition(";")[0]


@pytest.mark.parametrize("operation", PAGES, ids=lambda each: each.operation_id)
def test_the_largest_page_takes_a_bounded_number_of_statements_rows_and_bytes(
    abundant: Abundant, session: str, operation: Operation,
) -> None:
    statuses = set()
    for asked in requests_of(operation, abundant.known):
        with counted() as counts:
            answer = abundant.site.client._http.get(asked.target, headers={"Cookie": session}, follow_redirects=False)

        statuses.add(answer.status_code)
        assert _within(PAGE, counts, answer), (str(asked), counts, len(answer.content))
    assert max(statuses) < 500, statuses


@pytest.mark.parametrize("operation", each_day(OPERATIONS, *OPERATIONS[::3]), ids=lambda each: each.operation_id)
def test_the_nastiest_request_is_refused_with_next_to_nothing(abundant: Abundant, operation: Operation) -> None:
    for asked in nasty_requests_of(operation, abundant.known, 20_000):
        answer, counts = abundant.ask(asked)

        assert 400 <= answer.status_code < 500, (str(asked), answer.status_code)
        assert _within(REFUSED, counts, answer), (str(asked), counts, len(answer.content))


def test_an_upload_takes_as_many_statements_however_large_it_is(abundant: Abundant) -> None:
    [submission] = [each for each in OPERATIONS if each.operation_id == "submit_job_async"]
    taken = []

    for files in (1, 1_000):
        content = zip_of({f"test_{number}.py": b"def test(): pass" for number in range(files)})
        form = b'--limit\r\nContent-Disposition: form-data; name="file"; filename="project.zip"\r\n\r\n' + content + b"\r\n--limit--\r\n"
        kind = {"Content-Type": "multipart/form-data; boundary=limit"}
        answer, counts = abundant.ask(Asked(submission, "", "/submit-async", kind, form))
        assert (answer.status_code, _within(ORDINARY, counts, answer)) == (200, True), (answer.text, counts)
        taken.append(counts.statements)

    assert taken[0] == taken[1]


def test_a_report_of_a_worker_takes_as_many_statements_however_long_its_words_are(abundant: Abundant) -> None:
    [report] = [each for each in OPERATIONS if each.operation_id == "report"]
    taken = []

    # The first run since the suite changed stores the list of its tests, which later runs share.
    for length in (1, 1, 1_000):
        run_id = add_run()
        form = urlencode({"type": "progress", "status": "preparation", "message": "w" * length}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer, counts = abundant.ask(Asked(report, "", abundant.site.worker_path(run_id), kind, form))
        assert (answer.text, _within(ORDINARY, counts, answer)) == ("OK", True), (answer.text, counts)
        taken.append(counts.statements)

    assert taken[1] == taken[2]
