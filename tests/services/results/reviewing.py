"""People who ask for new baselines and decide about them, without a server between."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select

from api.domain.auth.access import Caller, Role, Scope
from api.domain.errors import Conflict
from api.domain.results.approval import Approval, BaselineProposal, Proposal
from api.domain.results.review import Decision, View, view_of
from api.services.results import baseline_reviews
from api.services.results.baseline_reviews import Reviewer
from api.storage.database import session
from api.storage.files import paths
from api.storage.files.backends import LocalBackend
from api.storage.platform_tables import RegressionOutputRow
from api.storage.tables.results import BaselineChangeRow
from tests.builders import BASELINE, NOW, BuiltTest, add_regression_test, add_user, digest_of
from tests.storage.files.file_stores import archive_of

RUN = 9
# What the store has: the baseline, and two other outputs.
TEXTS = ("baseline", "what was produced", "another")
GOT, ANOTHER = (digest_of(text) for text in TEXTS[1:])
REASON = "The new timing is right, see the discussion."


@dataclass(frozen=True)
class People:
    """Two admins and somebody who asks; all see the same store of files."""

    ann: Reviewer
    bob: Reviewer
    asker: Reviewer

    def later(self, at: datetime) -> People:
        """The same people at another time."""
        return People(*(replace(each, now=at) for each in (self.ann, self.bob, self.asker)))


def gathered(local: LocalBackend) -> People:
    """People with accounts, and a store of files."""
    for text in TEXTS:
        path = local.path(paths.result_name(digest_of(text), ".srt") or "")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    archive = archive_of([local])
    return People(*(
        Reviewer(Caller(add_user(name, role=role), name, f"{name}@example.test", role, frozenset(Scope), 1), NOW, archive)
        for name, role in (("ann", Role.ADMIN), ("bob", Role.ADMIN), ("asker", Role.CONTRIBUTOR))))


def proposed(test: BuiltTest, *, variants: bool = False, after: str = GOT) -> Proposal:
    """What may be asked for of a test's first output."""
    wish = BaselineProposal(test.regression_id, test.output_id, REASON, variants)
    return Proposal(RUN, test.sample_id, wish, BASELINE, after, ".srt")


def asked(people: People, count: int = 3, *, by: Reviewer | None = None) -> list[Approval]:
    """Requests that nobody has decided about, each of a test of its own."""
    return baseline_reviews.ask(RUN, [proposed(add_regression_test()) for _ in range(count)], by or people.asker)


def look(approvals: Sequence[Approval]) -> View:
    """What is to be seen of these."""
    return view_of(each.proposal for each in approvals)


def decide(approvals: Sequence[Approval], decision: Decision, by: Reviewer, *, seen: View | None = None) -> list[Approval]:
    """Decide about all of these at once."""
    selection = baseline_reviews.by_ids([each.approval_id for each in approvals])
    return baseline_reviews.decide_many(selection, seen or look(approvals), decision, None, by)


def baselines(approvals: Sequence[Approval]) -> list[str]:
    """The baselines of today of the outputs that are asked for, in that order."""
    session().rollback()
    wanted = [each.proposal.wish.output_id for each in approvals]
    rows = session().execute(select(RegressionOutputRow.id, RegressionOutputRow.correct).where(RegressionOutputRow.id.in_(wanted)))
    found = {output_id: str(baseline) for output_id, baseline in rows}
    session().rollback()
    return [found[output_id] for output_id in wanted]


def output_of(approval: Approval) -> int:
    """The output that is asked for."""
    return approval.proposal.wish.output_id


def attempt(work: Callable[[], object]) -> str:
    """Whether it succeeded, or the word of the refusal with who was first."""
    try:
        work()
    except Conflict as refused:
        return f"conflict {[each['decided_by'] for each in refused.details['changed']]}"
    return "done"


def count_changes() -> int:
    """How often a baseline was replaced."""
    session().rollback()
    return session().execute(select(func.count()).select_from(BaselineChangeRow)).scalar_one()
