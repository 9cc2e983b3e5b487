"""Rows for tests, as the platform's own programs make them; within an application context, each committed at once."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count

from sqlalchemy import select

from api.domain.auth.access import Role, Scope
from api.domain.auth.token import issue_token
from api.domain.runs.run import Phase
from api.storage.auth.accounts import load_account
from api.storage.auth.tokens import store_token
from api.storage.database import Base, transaction
from api.storage.platform_tables import (
    AcceptableHashRow,
    CategoryRow,
    CustomizedTestRow,
    ForkRow,
    InstanceRow,
    MaintenanceRow,
    ProgressRow,
    RegressionCategoryRow,
    RegressionOutputRow,
    RegressionTestRow,
    ResultFileRow,
    ResultRow,
    SampleRow,
    SampleTagRow,
    TagRow,
    TestForkRow,
    TestRow,
    UserRow,
)
from api.storage.tables.accounts import AccountRow

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
MAIN_REPOSITORY = "CCExtractor/ccextractor"
NO_PASSWORD = "*"

# The scopes that are not for every role.
LIMITED = {
    Scope.BASELINES_WRITE: (Role.ADMIN, Role.CONTRIBUTOR), Scope.SYSTEM_WRITE: (Role.ADMIN,), Scope.TOKENS_MANAGE: (Role.ADMIN,)}
_numbers = count(1)


def digest_of(text: str) -> str:
    """A SHA-256 (hex) to tell things apart by."""
    return sha256(text.encode()).hexdigest()


BASELINE = digest_of("baseline")


@dataclass(frozen=True)
class Output:
    """An output that a regression test produces: its baseline, and the other hashes that are as good."""

    baseline: str = BASELINE
    extension: str = ".srt"
    suffix: str = ""
    ignored: bool = False
    acceptable: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuiltTest:
    """A regression test's ids, its outputs' in the order in which they were given."""

    regression_id: int
    sample_id: int
    output_ids: tuple[int, ...]

    @property
    def output_id(self) -> int:
        """The id of the first output."""
        return self.output_ids[0]


def minutes(number: float) -> datetime:
    """So many minutes after `NOW`."""
    return NOW + timedelta(minutes=number)


def save(row: Base) -> None:
    """Insert a row of any table."""
    with transaction() as current:
        current.add(row)
        current.flush()
        current.expunge(row)


def _save_once(row: ForkRow | CategoryRow | TagRow, column: str) -> int:
    """The id of the row with the same value in the column; this one is inserted where there is none."""
    table = type(row)
    with transaction() as current:
        found = current.execute(select(table.id).where(getattr(table, column) == getattr(row, column))).scalar_one_or_none()
    if found is not None:
        return found
    save(row)
    return row.id


def add_user(
    name: str | None = None, *, role: Role = Role.TESTER, email: str | None = None, password_hash: str = NO_PASSWORD,
    github_login: str | None = None, github_token: str | None = None, disabled: bool = False,
) -> int:
    """An account; nobody can log in to it unless a password's hash is given."""
    name = name or f"user{next(_numbers)}"
    row = UserRow(
        name=name, email=email or f"{name}@example.test", role=role.value, password=password_hash, github_login=github_login,
        github_token=github_token)
    save(row)
    if disabled:
        save(AccountRow(user_id=row.id, disabled=True))
    return row.id


def add_token(user_id: int, *scopes: Scope, name: str | None = None, now: datetime = NOW, days: int = 30) -> str:
    """A live token of a user, with all scopes that the role can use unless some are given. Returns its value."""
    number = next(_numbers)
    with transaction():
        account = load_account(user_id)
        wanted = scopes or tuple(scope for scope in Scope if account.role in LIMITED.get(scope, Role))
        token = issue_token(
            sha256(str(number).encode()).digest(), name or f"token{number}", account.role, wanted, days=days, now=now)
        store_token(account, token)
    return token.value


def add_fork(url: str = f"https://github.com/{MAIN_REPOSITORY}.git") -> int:
    """A repository, by its clone URL; the one that is there already where it is."""
    return _save_once(ForkRow(github=url), "github")


def add_category(name: str) -> int:
    """A category; the one that is there already where it is."""
    return _save_once(CategoryRow(name=name, description=f"Samples of {name}"), "name")


def add_sample(
    original_name: str | None = None, *, sha: str | None = None, extension: str = "ts", tags: Sequence[str] = (),
) -> int:
    """A media sample with its tags."""
    number = next(_numbers)
    row = SampleRow(
        sha=sha or digest_of(f"sample {number}"), extension=extension, original_name=original_name or f"sample{number}.{extension}")
    save(row)
    for tag in tags:
        save(SampleTagRow(sample_id=row.id, tag_id=_save_once(TagRow(name=tag, description=None), "name")))
    return row.id


def add_regression_test(
    *, outputs: Sequence[Output] = (Output(),), sample_id: int | None = None, command: str = "-out=srt", input_type: str = "file",
    output_type: str = "file", expected_exit_code: int | None = 0, active: bool = True, categories: Sequence[str] = (),
    description: str | None = None,
) -> BuiltTest:
    """The definition of a regression test, on a sample of its own unless one is given."""
    sample = add_sample() if sample_id is None else sample_id
    row = RegressionTestRow(
        sample_id=sample, command=command, input_type=input_type, output_type=output_type, expected_rc=expected_exit_code,
        active=active, description=description)
    save(row)
    for name in categories:
        save(RegressionCategoryRow(regression_id=row.id, category_id=add_category(name)))
    return BuiltTest(row.id, sample, tuple(add_output_definition(row.id, output) for output in outputs))


def add_output_definition(regression_id: int, output: Output) -> int:
    """One more output that a regression test produces."""
    row = RegressionOutputRow(
        regression_id=regression_id, correct=output.baseline, correct_extension=output.extension,
        expected_filename=output.suffix, ignore=output.ignored)
    save(row)
    for digest in output.acceptable:
        add_acceptable_hash(row.id, digest)
    return row.id


def add_acceptable_hash(output_id: int, digest: str) -> None:
    """One more hash that is as good as an output's baseline."""
    save(AcceptableHashRow(file_hashes=digest, regression_test_output_id=output_id))


def add_run(
    *, platform: str = "linux", repository: str = MAIN_REPOSITORY, branch: str = "master", commit: str | None = None,
    pull_request: int = 0, tests: Sequence[int] = (), requester_id: int | None = None, token: str | None = None,
    run_id: int | None = None,
) -> int:
    """A run as the platform makes it: without a word of when; restricted to `tests` where some are given."""
    number = next(_numbers)
    row = TestRow(
        id=run_id, platform=platform, test_type="pr" if pull_request else "commit", token=token or digest_of(f"secret {number}"),
        fork_id=add_fork(f"https://github.com/{repository}.git"), branch=branch,
        commit=digest_of(f"commit {number}")[:40] if commit is None else commit, pr_nr=pull_request)
    save(row)
    for regression_id in tests:
        save(CustomizedTestRow(test_id=row.id, regression_id=regression_id))
    if requester_id is not None:
        save(TestForkRow(user_id=requester_id, test_id=row.id))
    return row.id


def add_event(run_id: int, phase: Phase | str, message: str = "", *, at: datetime = NOW, event_id: int | None = None) -> int:
    """What a worker, or the platform, said of a run."""
    row = ProgressRow(id=event_id, test_id=run_id, status=str(phase), timestamp=at, message=message)
    save(row)
    return row.id


def add_result(
    run_id: int, regression_id: int, *, exit_code: int | None = 0, runtime_ms: int | None = 100, expected_exit_code: int | None = 0,
) -> None:
    """The end of a regression test in a run."""
    save(ResultRow(
        test_id=run_id, regression_test_id=regression_id, runtime=runtime_ms, exit_code=exit_code, expected_rc=expected_exit_code))


def add_output(run_id: int, regression_id: int, output_id: int, *, got: str | None = None, expected: str = BASELINE) -> None:
    """What became of one output in a run: a match, unless the hash of what was produced is given."""
    save(ResultFileRow(
        test_id=run_id, regression_test_id=regression_id, regression_test_output_id=output_id, expected=expected, got=got))


def add_result_with_output(
    run_id: int, test: BuiltTest, *, got: str | None = None, expected: str = BASELINE, **result: int | None,
) -> None:
    """The end of a regression test in a run, and what became of its first output."""
    add_output(run_id, test.regression_id, test.output_id, got=got, expected=expected)
    add_result(run_id, test.regression_id, **result)


def add_passed_result(run_id: int, test: BuiltTest, *, expected: str = BASELINE) -> None:
    """A regression test's end in a run, with all its outputs matching."""
    for output_id in test.output_ids:
        add_output(run_id, test.regression_id, output_id, expected=expected)
    add_result(run_id, test.regression_id)


def add_finished_run(*tests: BuiltTest, at: datetime = NOW, platform: str = "linux", **options: str) -> int:
    """A run of 25 minutes in which these tests passed, as the platform's own programs make one."""
    run_id = add_run(platform=platform, **options)  # type: ignore[arg-type]
    add_event(run_id, Phase.PREPARATION, "Preparing", at=at)
    add_event(run_id, Phase.TESTING, "Testing", at=at + timedelta(minutes=5))
    for test in tests:
        add_passed_result(run_id, test)
    add_event(run_id, Phase.COMPLETED, "Done", at=at + timedelta(minutes=25))
    return run_id


def add_machine(run_id: int, *, at: datetime = NOW) -> None:
    """The virtual machine that the platform started for a run."""
    save(InstanceRow(name=f"machine-{run_id}", test_id=run_id, timestamp=at))


def set_maintenance(platform: str, disabled: bool = True) -> None:
    """Whether runs of a platform may be started."""
    save(MaintenanceRow(platform=platform, disabled=disabled))
