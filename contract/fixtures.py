"""What the documents' examples speak of: a run that is over, the runs before it, and requests for new baselines."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

from sqlalchemy import update

from api.domain.auth.token import token_digest
from api.domain.catalog.change import Editor, LibraryKind
from api.domain.results.approval import Approval, ApprovalStatus, BaselineProposal, Proposal
from api.domain.results.review import view_of
from api.domain.runs.machine import Machine, WorkKind
from api.domain.runs.run import Phase, Platform
from api.services.runs.platform_sync import catch_up
from api.storage.catalog.changes import record_change
from api.storage.database import session, transact
from api.storage.platform_tables import (
    AcceptableHashRow,
    BlockedUserRow,
    CategoryRow,
    ForbiddenExtensionRow,
    RegressionOutputRow,
    RegressionTestRow,
    SampleExtraRow,
    SampleRow,
    TagRow,
    VersionRow,
)
from api.storage.results.approvals import record_proposal
from api.storage.results.decisions import record_decisions
from api.storage.runs.machines import add_machine
from api.storage.tables.runs import RunRow
from tests.builders import NOW, add_event, add_output, add_result, add_run, digest_of, save

# The run, and one of its outputs that is other than expected, with all files there.
KNOWN = {"run_id": 9420, "sample_id": 137, "regression_id": 42, "output_id": 81}
# The class of the cause of all that fails in the known run.
CLASS_ID = "4cb84fb462f3ff2e"
# What the platform's API calls by a name of its own, or knows of the same sample and output: a further file, and an acceptable hash.
PLATFORM_KNOWN = {"regression_test_id": 42, "extra_id": 137, "variant_id": 137, "category_id": 137, "user_id": 7, "queued_id": 1200}
RELEASE = "0.94"
UNUSED_EXTENSION = "bat"
# The numbers of what nothing refers to, so that it may be deleted.
SPARES = range(1000, 1200)
# Requests for new baselines that another admin made, by what is to become of them, and the outputs that they are for.
REQUESTS, REQUESTED = {"approve": 3, "reject": 4, "revert": 5}, {"approve": 84, "reject": 85, "revert": 86}
# Earlier runs: one with the output that then became the baseline, and one of the commit that the known run's commit follows.
OLD_RUN, BASE_RUN = 9388, 9400
COMMIT, PARENT = "0632bff4e382d5f86eff9073b9ddd37f03f9778c", "7f4d0c1bb0c6a7c25a1f6be6de4a8c0a7a1b2c3d"
EXPECTED, PRODUCED, OLD = (sha256(content).hexdigest() for content in (b"1\nHello\n", b"1\nHullo\n", b"1\nHallo\n"))
SAMPLES = {137: "news.ts", 138: "film.ts"}
# The sample and the outputs of each regression test.
TESTS = {42: (137, (81,)), 43: (138, (83,)), 44: (138, (84, 85))}
# One that no run executed.
LATER_TESTS = {45: (138, (86,))}
REASON = "The new timing is right, see the discussion in pull request 2264."
MEDIA_INFO = b'<Mediainfo version="0.7"><File><track type="General"><Format>MPEG-TS</Format></track></File></Mediainfo>'


@dataclass(frozen=True)
class Person:
    """Who asks for a new baseline, or decides."""

    user_id: int
    email: str


def decision_of(name: str) -> dict[str, object]:
    """The body of a decision about one request, which is bound to what there is to be seen of it."""
    wish = BaselineProposal(1, REQUESTED[name], REASON)
    seen = view_of([Proposal(KNOWN["run_id"], 1, wish, EXPECTED, PRODUCED, ".srt")])
    return {"approval_ids": [str(REQUESTS[name])], "expected_count": seen.count, "digest": seen.digest}


def add_known_run(root: Path, requester: Person, reviewer: Person) -> None:
    """The known run with its past and its files, and requests that the reviewer decided or may decide."""
    _write_files(root)
    _add_tests()
    _add_run(OLD_RUN, {81: EXPECTED, 83: PRODUCED}, NOW - timedelta(days=3))
    _decide(_ask(OLD_RUN, 42, 81, requester), ApprovalStatus.APPROVED, reviewer)
    _decide(_ask(OLD_RUN, 43, 83, requester), ApprovalStatus.REJECTED, reviewer)
    _add_run(BASE_RUN, {}, NOW - timedelta(days=2), commit=PARENT)
    _add_run(KNOWN["run_id"], dict.fromkeys((81, 83, 84, 85), PRODUCED), NOW, commit=COMMIT)
    _name_origin(KNOWN["run_id"])
    for output_id in (84, 85):
        _ask(KNOWN["run_id"], 44, output_id, requester)
    _decide(_ask(KNOWN["run_id"], 45, 86, requester), ApprovalStatus.APPROVED, reviewer)


def _add_tests() -> None:
    for sample_id, name in SAMPLES.items():
        save(SampleRow(id=sample_id, sha=digest_of(name), extension="ts", original_name=name))
    save(CategoryRow(id=PLATFORM_KNOWN["category_id"], name="Category 137", description=""))
    save(BlockedUserRow(user_id=PLATFORM_KNOWN["user_id"], comment="spam"))
    save(ForbiddenExtensionRow(extension=UNUSED_EXTENSION))
    save(SampleExtraRow(id=PLATFORM_KNOWN["extra_id"], sample_id=KNOWN["sample_id"], original_name="news.txt", extension="txt"))
    for regression_id, (sample_id, outputs) in (TESTS | LATER_TESTS).items():
        save(RegressionTestRow(
            id=regression_id, sample_id=sample_id, command="-out=srt", input_type="file", output_type="file", expected_rc=0,
            active=regression_id in TESTS))
        for output_id in outputs:
            save(RegressionOutputRow(
                id=output_id, regression_id=regression_id, correct=_first_baseline(output_id), correct_extension=".srt",
                expected_filename="", ignore=False))
    save(AcceptableHashRow(
        id=PLATFORM_KNOWN["variant_id"], file_hashes=OLD, regression_test_output_id=KNOWN["output_id"]))


def add_spares(uploader: Person) -> None:
    """For each number of `SPARES` a sample with a further file, a test with an output, a category, a tag and a machine.

    Nothing refers to any of them. The samples, the known one and one more are uploads that wait to be described.
    """
    waiting = PLATFORM_KNOWN["queued_id"]
    session().add(VersionRow(version=RELEASE, released=NOW.date(), commit="c" * 40))
    for sample_id in (KNOWN["sample_id"], waiting, *SPARES):
        record_change(LibraryKind.SAMPLE, sample_id, None, {"name": "spare.ts"}, Editor(uploader.user_id, uploader.email), NOW)
    for sample_id in (waiting, *SPARES):
        session().add(SampleRow(id=sample_id, sha=digest_of(f"spare {sample_id}"), extension="ts", original_name="spare.ts"))
    for spare in SPARES:
        session().add_all([
            RegressionTestRow(
                id=spare, sample_id=KNOWN["sample_id"], command="-out=txt", input_type="file", output_type="file", expected_rc=0,
                active=False),
            CategoryRow(id=spare, name=f"Category {spare}", description=""), TagRow(id=spare, name=f"tag {spare}", description="")])
        add_machine(Machine(str(spare), (WorkKind.RUN,), Platform.LINUX, NOW), token_digest(f"spare {spare}"))
    session().flush()
    for spare in SPARES:
        session().add_all([
            SampleExtraRow(id=spare, sample_id=spare, original_name="spare.txt", extension="txt"),
            RegressionOutputRow(
                id=spare, regression_id=spare, correct="", correct_extension=".txt", expected_filename="", ignore=False)])


def _first_baseline(output_id: int) -> str:
    return OLD if output_id == KNOWN["output_id"] else EXPECTED


def _add_run(run_id: int, produced: Mapping[int, str], at: datetime, commit: str | None = None) -> None:
    """A run of all the tests, in which these outputs were other than expected; the server has seen it end."""
    add_run(run_id=run_id, tests=list(TESTS), commit=commit)
    add_event(run_id, Phase.TESTING, f"Running {len(TESTS)} tests", at=at)
    for regression_id, (_, outputs) in TESTS.items():
        for output_id in outputs:
            expected = _first_baseline(output_id) if run_id == OLD_RUN else EXPECTED
            add_output(run_id, regression_id, output_id, got=produced.get(output_id), expected=expected)
        add_result(run_id, regression_id)
    add_event(run_id, Phase.COMPLETED, f"Ran {len(TESTS)} tests", at=at + timedelta(minutes=1))
    catch_up(at + timedelta(minutes=2))


def _name_origin(run_id: int) -> None:
    origin = update(RunRow).where(RunRow.run_id == run_id).values(parent_sha=PARENT, merge_base_sha=PARENT)
    transact(lambda: session().execute(origin))


def _ask(run_id: int, regression_id: int, output_id: int, requester: Person) -> Approval:
    before, after = (OLD, EXPECTED) if output_id == KNOWN["output_id"] else (EXPECTED, PRODUCED)
    wish = BaselineProposal(regression_id, output_id, REASON)
    proposal = Proposal(run_id, (TESTS | LATER_TESTS)[regression_id][0], wish, before, after, ".srt")
    return transact(partial(record_proposal, proposal, requester.user_id, requester.email, NOW))


def _decide(approval: Approval, status: ApprovalStatus, reviewer: Person) -> None:
    transact(partial(record_decisions, [approval], status, reviewer.email, "Compared by eye.", NOW))


def _write_files(root: Path) -> None:
    run_id, regression_id = KNOWN["run_id"], KNOWN["regression_id"]
    outputs = {EXPECTED: b"1\nHello\n", PRODUCED: b"1\nHullo\n", OLD: b"1\nHallo\n"}
    files = {f"TestResults/{digest}.srt": content for digest, content in outputs.items()} | {
        f"TestFiles/{digest_of(name)}.ts": b"media" for name in SAMPLES.values()} | {
        f"TestFiles/media/{digest_of(name)}.xml": MEDIA_INFO for name in SAMPLES.values()} | {
        f"TestFiles/{digest_of(f'spare {spare}')}.ts": b"media" for spare in SPARES} | {
        f"TestFiles/extra/{digest_of('news.ts')}_{PLATFORM_KNOWN['extra_id']}.txt": b"words\n",
        f"LogFiles/{run_id}.txt": b"[ERROR] one\n" * 500, f"LogFiles/{run_id}/{regression_id}.txt": b"own words\n" * 3,
        f"test_artifacts/{run_id}/ccextractor": b"\x7fELF", f"test_artifacts/{run_id}/combined_stdout.log": b"own words\n"}
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
