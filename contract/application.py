"""A server with a story behind it: accounts, regression tests, and runs in each of the seven states."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask
from passlib.hash import argon2
from sqlalchemy import select

from api.config import Settings
from api.domain.auth.access import Role, Scope
from api.domain.auth.token import NewToken, issue_token, token_digest
from api.domain.jobs.job import JobStatus
from api.domain.runs.machine import Machine, WorkKind, machine_token
from api.domain.runs.run import Phase, Platform
from api.installation import attach_database
from api.jobs.files import JobFiles
from api.services.runs.platform_sync import catch_up
from api.storage import schema
from api.storage.auth.accounts import load_account
from api.storage.auth.tokens import store_token
from api.storage.database import db, session, transact
from api.storage.platform_tables import UserRow
from api.storage.runs import leases
from api.storage.runs.machines import add_machine
from contract.fixtures import Person, add_known_run, add_spares
from tests.builders import (
    NOW,
    BuiltTest,
    Output,
    add_event,
    add_finished_run,
    add_passed_result,
    add_regression_test,
    add_result,
    add_result_with_output,
    add_run,
    add_sample,
    add_user,
    digest_of,
)
from tests.submitted_jobs import add_job, keep_artifacts, write_log, zip_of

# LOSER loses its tokens again and again; REVIEWER decides about what ADMIN asks for; CHANGER changes its password.
ADMIN, LOSER, REVIEWER, CHANGER = (f"{name}@example.test" for name in ("admin", "loser", "reviewer", "changer"))
PASSWORD, CHANGED_PASSWORD = "nothing secret here", "nothing secret there"
UNLIMITED = 10_000_000
KNOWN_JOB = {"job_id": "550e8400-e29b-41d4-a716-446655440000", "name": "report.xml"}
# A token of an admin, for documents that have no login.
TOKEN_SECRET = sha256(b"a token of the fuzzer").digest()
# Runs for workers to report on: their secrets are known, and nobody else's are.
WORKED_ON = range(9_000, 9_012)
# A machine, its process, and the run of this test that it has claimed, whose sample is this.
CLAIMED_JOB = "550e8400-e29b-41d4-a716-446655440001"
CLAIMED_TEST = BuiltTest(5, 5, (5,))
MACHINE, SESSION, CLAIMED, SAMPLE = "fuzzer", "550e8400-e29b-41d4-a716-446655440000", 9_100, b"a sample"
# A hash that is verified in no time, so that a login for each request costs nothing.
QUICK = argon2.using(type="ID", rounds=1, memory_cost=8, parallelism=1)


def settings_for(folder: Path, **changes: Any) -> Settings:
    """Settings of a server in this folder; without limits, since a 429 would hide what comes after it."""
    limits = {f"rate_{name}": UNLIMITED for name in ("reads", "writes", "logins", "anonymous", "worker")}
    values: dict[str, Any] = {
        "database_url": f"sqlite:///{folder / 'ci.db'}", "storage_root": folder / "files", "max_wait": 1, "jobs": "separate",
        "tokens_per_user": UNLIMITED}
    return Settings(**(values | limits | changes))


def prepare(settings: Settings) -> None:
    """Make the database and fill it."""
    app = Flask("served")
    attach_database(app, settings)
    with app.app_context():
        schema.migrate(db.engine)
        _add_accounts()
        tests = _add_tests()
        for day in range(3):
            _add_runs(tests, NOW - timedelta(days=day))
        for run_id in WORKED_ON:
            add_run(run_id=run_id, token=worker_token(run_id), platform="linux" if run_id % 2 else "windows")
        _add_machine(settings.storage_root)
        add_known_run(settings.storage_root, _person(ADMIN), _person(REVIEWER))
        transact(partial(add_spares, _person(ADMIN)))
        _add_jobs(settings.storage_root)
        db.session.remove()
        db.engine.dispose()


def worker_token(run_id: int) -> str:
    """The secret of one of the runs that workers report on."""
    return f"{run_id:064d}"


def make_token() -> NewToken:
    """The admin's token; its value is always the same."""
    return issue_token(TOKEN_SECRET, "fuzzer", Role.ADMIN, tuple(Scope), days=30, now=datetime.now(UTC))


def _add_accounts() -> None:
    password_hash = str(QUICK.hash(PASSWORD))
    for name in ("loser", "reviewer", "changer"):
        add_user(name, role=Role.ADMIN, password_hash=password_hash, github_login=name)
    for role in Role:
        add_user(role.value, role=role, password_hash=password_hash)
    transact(partial(store_token, load_account(_person(ADMIN).user_id), make_token()))


def machine_token_value() -> str:
    """The token of the machine; its value is always the same."""
    return machine_token(sha256(b"a machine of the fuzzer").digest())


def _claim(run_id: int, begun_by: int) -> None:
    leases.lay_out_shards(run_id, begun_by)
    leases.take(run_id, leases.Holder(MACHINE, SESSION), datetime.now(UTC) + timedelta(days=1))


def _add_machine(root: Path) -> None:
    """A machine that holds a claim on a run of a test whose sample is there, and one on a job."""
    test = add_regression_test(sample_id=add_sample(sha=sha256(SAMPLE).hexdigest()))
    assert test == CLAIMED_TEST, test
    machine = Machine(MACHINE, (WorkKind.RUN, WorkKind.JOB), Platform.WINDOWS, NOW)
    transact(partial(add_machine, machine, token_digest(machine_token_value())))
    run_id = add_run(run_id=CLAIMED, platform="windows", tests=[test.regression_id])
    catch_up(NOW)
    transact(partial(_claim, run_id, add_event(run_id, Phase.PREPARATION, "Preparing the machine")))
    place = root / "TestFiles" / f"{sha256(SAMPLE).hexdigest()}.ts"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(SAMPLE)
    add_job(_person(ADMIN).user_id, JobStatus.RUNNING, job_id=CLAIMED_JOB, machine=MACHINE, at=datetime.now(UTC))
    write_log(root, CLAIMED_JOB, b"a line\n")


def _person(email: str) -> Person:
    return Person(session().execute(select(UserRow.id).where(UserRow.email == email)).scalar_one(), email)


def _add_tests() -> list[BuiltTest]:
    tests = [
        add_regression_test(categories=["Broken"], outputs=[Output(acceptable=(digest_of("as good"),)), Output(ignored=True)]),
        add_regression_test(categories=["Broken", "DVB"], output_type="stdout", expected_exit_code=10),
        add_regression_test(outputs=[], output_type="null")]
    add_regression_test(active=False)
    return tests


def _add_runs(tests: Sequence[BuiltTest], at: datetime) -> None:
    """A run of each state, and one of a kind that the platform no longer makes."""
    first, second, third = tests
    add_finished_run(first, second, third, at=at)
    failed = _add_started(tests, at)
    add_passed_result(failed, first)
    add_result_with_output(failed, second, got=digest_of("other"), exit_code=139, expected_exit_code=10)
    add_result(failed, third.regression_id, exit_code=1)
    incomplete = _add_started(tests, at)
    add_result(incomplete, first.regression_id)
    for run_id in (failed, incomplete, _add_started(tests, at)):
        add_event(run_id, Phase.COMPLETED, "Ran all tests", at=at + timedelta(minutes=9))
    add_event(_add_started(tests, at), Phase.CANCELED, "Canceled by ada: superseded", at=at)
    add_event(_add_started(tests, at), Phase.CANCELED, "No space left on device", at=at)
    add_passed_result(_add_started(tests, at), first)
    add_run(platform="windows", pull_request=2264, repository="loser/ccextractor", branch="feature/x")
    add_run(commit="abc123", branch="b" * 300, repository="no slash here")


def _add_started(tests: Sequence[BuiltTest], at: datetime) -> int:
    run_id = add_run(tests=[test.regression_id for test in tests])
    add_event(run_id, Phase.PREPARATION, "Preparing the machine", at=at)
    add_event(run_id, Phase.TESTING, "Running 3 tests", at=at + timedelta(minutes=1))
    return run_id


def _add_jobs(root: Path) -> None:
    """A job of each status, with what it left, and the one that the document's examples speak of."""
    owner = _person(ADMIN).user_id
    made = [add_job(owner, status, at=NOW + timedelta(seconds=number)) for number, status in enumerate(JobStatus)]
    known = add_job(owner, JobStatus.COMPLETED, job_id=KNOWN_JOB["job_id"], exit_code=1)
    for job_id in (*made, known):
        write_log(root, job_id, b"Installing dependencies...\n" + b"test_sums.py::test_two FAILED\n" * 100)
    JobFiles(root).project(known).write_bytes(zip_of())
    failed = [{"name": "test_two", "classname": "test_sums", "message": "assert 5 == 4"}]
    report = {"tests": 2, "failures": 1, "errors": 0, "skipped": 0, "seconds": 0.25, "failed": failed}
    keep_artifacts(root, known, {KNOWN_JOB["name"]: b"<testsuites/>", "htmlcov/index.html": b"<p>"}, junit=report, left_out=1)
