"""Readers of the pages, whose answers keep the pages' document, and a run that they can look at."""
from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from contract.documents import load_pages
from tests.builders import BuiltTest, add_event, add_result_with_output, add_run
from tests.handlers.site import PASSWORD, Client, Site

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
EXPECTED = b"1\n00:00:01,000 --> 00:00:02,000\nhello\n"
ACTUAL = b"1\n00:00:01,040 --> 00:00:02,040\n<b>hello</b>\n"
Reader = Callable[[Role], Client]


@pytest.fixture
def visitor(site: Site) -> Client:
    """Somebody without a session."""
    return Client(site.app, documents=(load_pages(),))


@pytest.fixture
def reader(site: Site, visitor: Client) -> Reader:
    """Somebody of a role who has logged in with a password."""
    def log_in(role: Role) -> Client:
        site.account(role)
        answer = visitor.post("/login", data={"email": f"{role.value}@example.test", "password": PASSWORD}, headers=SAME_ORIGIN)
        return visitor.with_headers(Cookie=answer.headers["set-cookie"].partition(";")[0], **SAME_ORIGIN)

    return log_in


@pytest.fixture
def page(reader: Reader) -> Client:
    """Somebody who has logged in, and may read."""
    return reader(Role.USER)


def store(site: Site, content: bytes) -> str:
    """Put an output into the file store; its SHA-256 (hex)."""
    digest = sha256(content).hexdigest()
    (site.files / "TestResults").mkdir(exist_ok=True)
    (site.files / "TestResults" / f"{digest}.srt").write_bytes(content)
    return digest


def failing_run(site: Site, test: BuiltTest, *, actual: bytes = ACTUAL, **options: object) -> int:
    """A run that is over, with one test whose output differs."""
    run_id = add_run(tests=[test.regression_id], **options)
    add_event(run_id, Phase.TESTING)
    add_result_with_output(run_id, test, got=store(site, actual), expected=store(site, EXPECTED))
    add_event(run_id, Phase.COMPLETED)
    return run_id
