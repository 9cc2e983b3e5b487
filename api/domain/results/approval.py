"""Requests to approve an output as the new baseline, or as one that is as good."""
from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.domain.errors import Conflict, NotFound, Unprocessable
from api.domain.results.result import JudgedTest, OutputStatus, output_status
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest


class ApprovalStatus(StrEnum):
    """Where a request for a new baseline stands."""

    PENDING = "pending_review"
    APPROVED = "approved"
    REJECTED = "rejected"


class ApprovalKind(StrEnum):
    """What an approval does with a hash: makes it the baseline, takes it for as good as the baseline, or does so no longer."""

    BASELINE = "baseline"
    VARIANT = "variant"
    VARIANT_REMOVAL = "variant_removal"


@dataclass(frozen=True, slots=True)
class BaselineProposal:
    """What is asked for: that an output of a run be expected from now on, or be accepted beside the baseline."""

    regression_id: int
    output_id: int
    reason: str
    apply_to_variants: bool = False
    kind: ApprovalKind = ApprovalKind.BASELINE


@dataclass(frozen=True, slots=True)
class Proposal:
    """A wish that makes sense: the baseline that the requester saw, and the output that is meant (hashes, hex).

    A file that somebody uploaded and a hash that somebody named are of no run: NO_RUN.
    """

    run_id: int
    sample_id: int
    wish: BaselineProposal
    hash_before: str
    hash_after: str
    extension: str

    @property
    def spreads(self) -> bool:
        """Whether outputs with the same baseline change with this one; those without a baseline have nothing in common."""
        return self.wish.apply_to_variants and bool(self.hash_before)

    @property
    def is_baseline(self) -> bool:
        """Whether the baseline itself is to change."""
        return self.wish.kind is ApprovalKind.BASELINE

    def in_force(self, baseline: str, variants: Collection[str]) -> bool:
        """Whether the output is as an approval would make it, with this baseline and these variants (hashes as they are stored)."""
        if self.is_baseline:
            return self.hash_after == baseline.lower()
        return (self.hash_after in {each.lower() for each in variants}) is (self.wish.kind is ApprovalKind.VARIANT)

    @property
    def key(self) -> str:
        """The same for the same request, so that it is recorded once."""
        wish = self.wish
        words = (self.run_id, wish.regression_id, wish.output_id, self.hash_before, self.hash_after, wish.apply_to_variants)
        kind = () if self.is_baseline else (wish.kind.value,)
        return hashlib.sha256(repr(words + kind).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reversal:
    """Who took an approval back, and by which approval, which puts the old baseline in the place of the new one."""

    approval_id: int
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A recorded proposal and its fate; `requester_id` is None where the account is gone.

    `reverts_id` names the approval that this one takes back, `reversal` what took this one back.
    """

    approval_id: int
    proposal: Proposal
    status: ApprovalStatus
    requester_id: int | None
    requested_by: str
    created_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None
    reverts_id: int | None = None
    reversal: Reversal | None = None


# Of a SHA-256 in hex.
HASH_LENGTH = 64
# In place of the run of a proposal that is of none.
NO_RUN = 0
FILLERS = frozenset(
    "a an and as approve approved approving asdf asdfgh baseline baselines because change changed changes default dummy example fix fixed "
    "fixes foo bar baz ipsum just lgtm lorem na new no none nothing null ok okay output outputs placeholder please qwerty reason "
    "sample some something test testing tests text the this todo tbd undefined update updated updates xxx yes".split())
WORD = re.compile(r"[^\W_]+")


def check_reason(reason: str) -> None:
    """Let pass a reason that says something. Raises Unprocessable for one repeated character, or nothing but filler words."""
    words = [word.lower() for word in WORD.findall(reason)]
    letters = set("".join(words))
    if len(letters) <= 1 or all(word in FILLERS or len(set(word)) == 1 for word in words):
        raise Unprocessable(
            "The reason says nothing.", {"field": "reason"}, remedy="Say why the new output is right; it is kept for good.")


def propose(run_id: int, sample_id: int, judged: JudgedTest, wish: BaselineProposal) -> Proposal:
    """Make a proposal of a wish. Raises NotFound for an output of another test, Unprocessable where nothing can be approved."""
    check_reason(wish.reason)
    output = judged.test.output(wish.output_id)
    if output is None:
        raise NotFound("output", wish.output_id)
    reported = judged.reports.outputs.get(wish.output_id)
    status = None if judged.reports.report is None else output_status(output, reported)
    if status not in (OutputStatus.DIFF_MISMATCH, OutputStatus.MISSING_EXPECTED) or reported is None or reported.got is None:
        raise Unprocessable(
            "There is nothing to approve: the output matches, or the run did not produce it.",
            {"output_id": wish.output_id, "output_status": None if status is None else status.value},
            remedy="Choose an output whose status is diff_mismatch, or missing_expected with an actual_hash.")
    _check_kind(output, wish)
    return Proposal(run_id, sample_id, wish, output.baseline.lower(), reported.got.lower(), output.extension)


def propose_file(test: ExpectedTest, wish: BaselineProposal, digest: str) -> Proposal:
    """Make a proposal of a file with this SHA-256 (hex, lower case). Raises as `propose`."""
    check_reason(wish.reason)
    output = test.output(wish.output_id)
    if output is None:
        raise NotFound("output", wish.output_id)
    if output.accepts(digest):
        raise Unprocessable(
            "There is nothing to approve: the output accepts this file.", {"output_id": wish.output_id}, remedy="Send another file.")
    return Proposal(NO_RUN, test.sample_id, wish, output.baseline.lower(), digest, output.extension)


def propose_hash(test: ExpectedTest, wish: BaselineProposal, digest: str) -> Proposal:
    """Make a proposal of a variant by its SHA-256 (hex, lower case) alone, of which there need be no file. Raises as `propose`."""
    check_reason(wish.reason)
    output = test.output(wish.output_id)
    if output is None:
        raise NotFound("output", wish.output_id)
    _check_kind(output, wish)
    if digest == output.baseline.lower() or len(digest) > HASH_LENGTH:
        raise Unprocessable(
            "This is the hash of the baseline, or none of a file.", {"output_id": wish.output_id}, remedy="Name the SHA-256 of an output.")
    return Proposal(NO_RUN, test.sample_id, wish, output.baseline.lower(), digest, output.extension)


def _check_kind(output: ExpectedOutput, wish: BaselineProposal) -> None:
    if wish.kind is not ApprovalKind.BASELINE and (wish.apply_to_variants or not output.has_baseline):
        raise Unprocessable(
            "A variant is of an output that has a baseline, and of that one alone.", {"output_id": wish.output_id},
            remedy="Ask for a baseline, or leave out apply_to_variants.")


def proposals_of(run_id: int, tests: Iterable[JudgedTest], reason: str) -> list[Proposal]:
    """All that can be proposed of failing tests: a proposal for each of their outputs that came otherwise than expected."""
    return [
        Proposal(run_id, test.test.sample_id, BaselineProposal(test.test.regression_id, output.output_id, reason), output.baseline.lower(),
                 reported.got.lower(), output.extension)
        for test in tests if test.reports.report is not None for output in test.test.outputs
        if (reported := test.reports.outputs.get(output.output_id)) is not None and reported.got is not None
        and output_status(output, reported) is OutputStatus.DIFF_MISMATCH]


def check_bulk(proposals: Sequence[Proposal]) -> None:
    """Let pass proposals that can all come true, in any order. Raises Conflict where one would take away another's baseline."""
    wanted = {proposal.key: proposal for proposal in proposals}
    owners: defaultdict[int, set[str]] = defaultdict(set)
    variants = {_variants(each): key for key, each in wanted.items() if each.spreads}
    for key, each in wanted.items():
        # Any number of variants of an output may come and go together, but not with its baseline.
        owners[each.wish.output_id] |= {key, variants.get(_variants(each), key)} if each.is_baseline else {"variants"}
    torn = sorted(output_id for output_id, keys in owners.items() if len(keys) > 1)
    if torn:
        raise Conflict(
            "Several of the requests would change the same baseline.", {"output_ids": torn},
            remedy="Ask for one new baseline for each output; apply_to_variants asks for those of its variants too.")


def _variants(proposal: Proposal) -> tuple[int, str, str]:
    """What the outputs have in common that a proposal changes where it applies to variants."""
    return proposal.sample_id, proposal.extension, proposal.hash_before


def check_current(proposals: Iterable[Proposal], baselines: Mapping[int, str]) -> None:
    """Let pass proposals to replace the baselines of today, hashes by output id. Raises Conflict, as an approval would, once for all."""
    before = {each.wish.output_id: each.hash_before for each in proposals}
    deleted = sorted(before.keys() - baselines.keys())
    if deleted:
        raise Conflict(
            "The output was deleted since the run: there is no baseline to replace.", {"output_ids": deleted},
            remedy="Leave it out; what a run was judged by stays under its samples.")
    changed = sorted(output_id for output_id, digest in before.items() if baselines[output_id].lower() != digest)
    if changed:
        raise Conflict(
            "The baseline has changed since the run.", {"output_ids": changed},
            remedy="Run the test again and, where its output still differs, ask with that run.")


def check_variants(proposals: Iterable[Proposal], baselines: Mapping[int, str], variants: Mapping[int, Collection[str]]) -> None:
    """Let pass proposals of variants that change something today; hashes by output id. Raises Conflict, once for all."""
    idle = sorted({
        each.wish.output_id for each in proposals
        if not each.is_baseline and each.in_force(baselines.get(each.wish.output_id, ""), variants.get(each.wish.output_id, ()))})
    if idle:
        raise Conflict(
            "The output accepts the variant already, or does not accept it any more.", {"output_ids": idle},
            remedy="Leave it out; GET /regression-tests/{regression_id} shows what is accepted.")
