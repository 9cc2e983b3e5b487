"""The hashes that are as good as an output's baseline, as approvals change them."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import delete, func, select

from api.domain.results.approval import ApprovalKind, Proposal
from api.storage.database import session
from api.storage.platform_tables import AcceptableHashRow


def load_digests(output_ids: Collection[int]) -> dict[int, set[str]]:
    """The acceptable hashes of these outputs of today (hex, lower case), by output id; an output that has none is left out."""
    query = select(AcceptableHashRow.regression_test_output_id, AcceptableHashRow.file_hashes).where(
        AcceptableHashRow.regression_test_output_id.in_(output_ids))
    found: defaultdict[int, set[str]] = defaultdict(set)
    for output_id, digest in session().execute(query):
        found[output_id].add(digest.lower())
    return found


def change_variant(proposal: Proposal) -> None:
    """Within a transaction: accept the hash of a proposal beside the baseline, or do so no longer, as its kind says."""
    output_id, digest = proposal.wish.output_id, proposal.hash_after
    if proposal.wish.kind is ApprovalKind.VARIANT:
        session().add(AcceptableHashRow(file_hashes=digest, regression_test_output_id=output_id))
        session().flush()
    else:
        session().execute(
            delete(AcceptableHashRow).where(
                AcceptableHashRow.regression_test_output_id == output_id, func.lower(AcceptableHashRow.file_hashes) == digest)
            .execution_options(synchronize_session=False))
