"""Asks for new baselines, decides about them, and takes approvals back, one by one or many in one transaction."""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from api.domain.auth.access import Caller
from api.domain.causes.analysis import Cause
from api.domain.display_bounds import shown_email
from api.domain.errors import Unprocessable
from api.domain.files.storage_status import StorageStatus
from api.domain.results.approval import (
    NO_RUN,
    Approval,
    BaselineProposal,
    Proposal,
    check_bulk,
    check_current,
    check_variants,
    proposals_of,
    propose_file,
    propose_hash,
)
from api.domain.results.result import JudgedTest
from api.domain.results.review import (
    STATUSES,
    Decision,
    View,
    authorize_decision,
    check_open,
    choose_seen,
    failing_for_one_cause,
    is_open,
    view_of,
)
from api.domain.runs.run import Run
from api.services.results import verdicts
from api.services.results.analyses import load_causes
from api.storage.catalog.regression_tests import load_regression_test
from api.storage.database import transact
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.incoming import IncomingFile
from api.storage.results import approvals, variants
from api.storage.results.decisions import record_decisions, record_reversals

# Loads the requests that a reviewer named; with `locked=True`, within a transaction, their rows are held until its end.
Selection = Callable[..., list[Approval]]
# Of these requests, the ones that a decision is about, and whether it is still to be carried out.
Choice = Callable[[Sequence[Approval]], tuple[list[Approval], bool]]


@dataclass(frozen=True)
class Reviewer:
    """Who asks or decides, and when; `own_allowed` where an installation of one person lets them decide about their own requests."""

    caller: Caller
    now: datetime
    archive: Archive
    own_allowed: bool = False

    @property
    def name(self) -> str:
        """The name under which it is recorded."""
        return shown_email(self.caller.email, self.caller.user_id)


def by_ids(approval_ids: Collection[int]) -> Selection:
    """The requests of these ids; loading raises NotFound where there is one that is none."""
    return partial(approvals.load_approvals, approval_ids)


def by_outputs(run_id: int, output_ids: Collection[int]) -> Selection:
    """Whatever was requested of these outputs of a run."""
    return partial(approvals.list_of_outputs, run_id, output_ids)


def find_cause(run: Run, class_id: str, main_repository: str, reason: str = "") -> list[Proposal]:
    """What can be proposed of the outputs of a run that fail for this cause and no other.

    Raises NotFound where the run has no such cluster, and NotReady as long as the causes are not known.
    """
    tests = {each.test.regression_id: each for each in verdicts.judge_run(run).tests}
    return proposals_of_cause(run.run_id, class_id, load_causes(run, main_repository), tests, reason)


def proposals_of_cause(
    run_id: int, class_id: str, causes: Iterable[Cause], tests: Mapping[int, JudgedTest], reason: str = "",
) -> list[Proposal]:
    """The same, where the causes of the run and its tests by regression id are known."""
    clusters = {each.cluster.class_id: each.cluster.regression_ids for each in causes}
    return proposals_of(run_id, [tests[each] for each in sorted(failing_for_one_cause(clusters, class_id))], reason)


def view_of_cause(run_id: int, cause: Cause, causes: Iterable[Cause], tests: Mapping[int, JudgedTest]) -> View:
    """What a request is bound to that a cause's outputs become baselines."""
    return view_of(proposals_of_cause(run_id, cause.cluster.class_id, causes, tests))


def ask(run_id: int, proposals: Sequence[Proposal], who: Reviewer) -> list[Approval]:
    """Record proposals of a run, or find the same ones that are open or in force: all, or none.

    Raises Conflict where they contradict each other or the baselines of today, Unprocessable where a file is gone.
    """
    check_bulk(proposals)
    _check_files(((each.wish.output_id, each.hash_after, each.extension) for each in proposals if each.is_baseline), who.archive)
    return transact(partial(_record, run_id, proposals, who))


def ask_for_hash(wish: BaselineProposal, digest: str, who: Reviewer) -> Approval:
    """Record the proposal that a hash (SHA-256, hex) be accepted beside a baseline, or no longer.

    Raises NotFound for an output that is not the test's, Unprocessable for one without a baseline, Conflict where it is so already.
    """
    return ask(NO_RUN, [propose_hash(load_regression_test(wish.regression_id).definition, wish, digest.lower())], who)[0]


def ask_for_file(wish: BaselineProposal, incoming: IncomingFile, who: Reviewer) -> Approval:
    """Keep a file that came in, and record the proposal that it become a baseline. After a refusal nothing is kept.

    Raises NotFound for an output that is not the test's, Unprocessable where nothing can be approved.
    """
    # A file of 0 bytes is a file.
    incoming.write(b"")
    proposal = propose_file(load_regression_test(wish.regression_id).definition, wish, incoming.digest)
    name = paths.result_name(proposal.hash_after, proposal.extension)
    assert name is not None
    with who.archive.staged(incoming, name):
        transact(partial(who.archive.keep, name, incoming))
    incoming.sync_name()
    return ask(NO_RUN, [proposal], who)[0]


def decide(approval_id: int, decision: Decision, reason: str | None, who: Reviewer) -> Approval:
    """Decide about one request; a repeat changes nothing. Returns it as it stands, or the reversal where it is taken back.

    Raises Forbidden, Conflict, NotFound, Unprocessable.
    """
    def choose(found: Sequence[Approval]) -> tuple[list[Approval], bool]:
        authorize_decision(found, who.caller, own_allowed=who.own_allowed)
        return list(found), check_open(found[0], decision)

    return _decide(by_ids([approval_id]), choose, decision, reason, who)[0]


def decide_many(selection: Selection, seen: View, decision: Decision, reason: str | None, who: Reviewer) -> list[Approval]:
    """Decide about all the requests that were seen, or none; a repeat changes nothing. Returns as `decide`, in the order of the ids.

    Raises Conflict, with what changed, where they are not what was seen; else as `decide`.
    """
    def choose(found: Sequence[Approval]) -> tuple[list[Approval], bool]:
        authorize_decision([each for each in found if is_open(each, decision)], who.caller, own_allowed=who.own_allowed)
        return choose_seen(found, decision, seen, who.name)

    return _decide(selection, choose, decision, reason, who)


def _decide(selection: Selection, choose: Choice, decision: Decision, reason: str | None, who: Reviewer) -> list[Approval]:
    before, is_due = choose(selection())
    if is_due:
        _check_files(_coming(before, decision), who.archive)

    def carry_out() -> list[int]:
        chosen, is_still_due = choose(selection(locked=True))
        return _carry_out(chosen, decision, reason, who) if is_still_due else _results(chosen, decision)

    return approvals.load_approvals(transact(carry_out))


def _carry_out(chosen: Sequence[Approval], decision: Decision, reason: str | None, who: Reviewer) -> list[int]:
    if decision is Decision.REVERT:
        return [each.approval_id for each in record_reversals(chosen, who.caller.user_id, who.name, reason, who.now)]
    if decision is Decision.APPROVE:
        check_bulk([each.proposal for each in chosen])
    record_decisions(chosen, STATUSES[decision], who.name, reason, who.now)
    return [each.approval_id for each in chosen]


def _results(chosen: Iterable[Approval], decision: Decision) -> list[int]:
    if decision is not Decision.REVERT:
        return [each.approval_id for each in chosen]
    return [each.reversal.approval_id for each in chosen if each.reversal is not None]


def _record(run_id: int, proposals: Sequence[Proposal], who: Reviewer) -> list[Approval]:
    output_ids = [each.wish.output_id for each in proposals]
    baselines, accepted = approvals.load_baselines(output_ids), variants.load_digests(output_ids)
    granted = approvals.find_granted(run_id, baselines, accepted)
    new = [each for each in proposals if each.key not in granted]
    check_current(new, baselines)
    check_variants(new, baselines, accepted)
    return [
        granted.get(each.key) or approvals.record_proposal(each, who.caller.user_id, who.name, who.now) for each in proposals]


def _coming(chosen: Iterable[Approval], decision: Decision) -> list[tuple[int, str, str]]:
    """The files that are to be baselines by a decision: output, hash and extension of each; an output may go back to having none.

    Variants are compared with by their hashes alone.
    """
    proposals = [each.proposal for each in chosen if each.proposal.is_baseline]
    if decision is Decision.APPROVE:
        return [(each.wish.output_id, each.hash_after, each.extension) for each in proposals]
    reverted = decision is Decision.REVERT
    return [(each.wish.output_id, each.hash_before, each.extension) for each in proposals if reverted and each.hash_before]


def _check_files(wanted: Iterable[tuple[int, str, str]], archive: Archive) -> None:
    """Let pass outputs whose files are in the store: a baseline without a file could never be compared with."""
    files = {output_id: paths.result_name(digest, extension) for output_id, digest, extension in wanted}
    found = archive.look(files.values())
    gone = sorted(
        output_id for output_id, name in files.items() if name is None or found[name].status is StorageStatus.MISSING)
    if gone:
        raise Unprocessable(
            "The output's file is gone from the store.", {"output_ids": gone}, remedy="Run the test again, and approve that run's output.")
