"""What reviewers of baselines look at: the requests that wait, by cause, and what was decided lately."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from api.domain.causes.analysis import Cause
from api.domain.errors import NotFound, NotReady
from api.domain.results.approval import Approval, ApprovalStatus
from api.domain.results.review import MAX_AT_ONCE, View, view_of
from api.services.results.analyses import load_causes
from api.services.runs.runs import show_run
from api.storage.results.approvals import list_approvals

# Of so many runs the causes are by_run; requests of the others are shown by run.
RUN_LIMIT, DECIDED_LIMIT = 10, 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """Requests of a run that wait for a decision: those for one cause, or, without one, those of which none or several are known."""

    run_id: int
    approvals: tuple[Approval, ...]
    cause: Cause | None = None

    @property
    def seen(self) -> View:
        """What a decision about them is bound to."""
        return view_of(each.proposal for each in self.approvals)


@dataclass(frozen=True, slots=True)
class Decided:
    """Requests of a run that one person decided about at once, in the same way."""

    run_id: int
    by: str | None
    at: datetime | None
    status: ApprovalStatus
    is_reversal: bool
    approvals: tuple[Approval, ...]

    @property
    def can_be_reverted(self) -> bool:
        """Whether all of them are approvals that stand."""
        return self.status is ApprovalStatus.APPROVED and not self.is_reversal and all(each.reversal is None for each in self.approvals)

    @property
    def seen(self) -> View:
        """What taking them back is bound to."""
        return view_of(each.proposal for each in self.approvals)


def list_waiting(main_repository: str, now: datetime) -> tuple[list[Waiting], int]:
    """The newest requests that wait, those of the newest run first and in the order of its causes; and how many wait in all."""
    page = list_approvals(ApprovalStatus.PENDING, None, limit=MAX_AT_ONCE, offset=0)
    found: list[Waiting] = []
    for place, (run_id, asked) in enumerate(_by_run(page.items)):
        causes = _causes_of(run_id, main_repository, now) if place < RUN_LIMIT else ()
        found += _by_cause(run_id, asked, causes)
    return found, page.total


def list_decided() -> list[Decided]:
    """The newest decisions, each about all that one person decided at once."""
    newest = list_approvals(None, None, limit=DECIDED_LIMIT, offset=0).items
    settled = sorted((each for each in newest if each.decided_at is not None), key=_deed, reverse=True)
    return [
        Decided(run_id, by, at, status, is_reversal, tuple(approvals))
        for (at, run_id, by, status, is_reversal), approvals in groupby(settled, key=_deed)]


def _deed(approval: Approval) -> tuple[datetime, int, str, ApprovalStatus, bool]:
    at, by = approval.decided_at, approval.decided_by
    return at or approval.created_at, approval.proposal.run_id, by or "", approval.status, approval.reverts_id is not None


def _by_run(approvals: Iterable[Approval]) -> list[tuple[int, list[Approval]]]:
    found: dict[int, list[Approval]] = {}
    for each in sorted(approvals, key=lambda each: each.proposal.wish.output_id):
        found.setdefault(each.proposal.run_id, []).append(each)
    return sorted(found.items(), reverse=True)


def _by_cause(run_id: int, asked: Sequence[Approval], causes: Sequence[Cause]) -> list[Waiting]:
    """Of tests with several causes nobody can say what is approved with them, so these stand apart."""
    by_run: dict[int, list[Approval]] = {}
    rest: list[Approval] = []
    for each in asked:
        places = [
            place for place, cause in enumerate(causes) if each.proposal.wish.regression_id in cause.cluster.regression_ids]
        (by_run.setdefault(places[0], []) if len(places) == 1 else rest).append(each)
    found = [Waiting(run_id, tuple(by_run[place]), causes[place]) for place in sorted(by_run)]
    return [*found, *([Waiting(run_id, tuple(rest))] if rest else [])]


def _causes_of(run_id: int, main_repository: str, now: datetime) -> Sequence[Cause]:
    with suppress(NotFound, NotReady):
        return load_causes(show_run(run_id, now), main_repository)
    return ()
