"""Operations that make, end and approve, as the Sample Platform has them."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.errors import NotFound, Unprocessable
from api.domain.results.approval import ApprovalKind, ApprovalStatus, BaselineProposal
from api.domain.runs.run import Run
from api.handlers.results import baselines
from api.handlers.runs import runs as run_handlers
from api.rendering.platform import library as render_library
from api.rendering.platform import runs as render
from api.services.results import baseline_reviews
from api.services.runs import runs
from api.storage.catalog import shelves

Json = dict[str, Any]

REASON = "Asked for by a client of the Sample Platform's API, without a reason."
APPROVAL = ("run_id", "sample_id", "regression_id", "output_id", "requested_by", "created_at")


def platform_create_run(body: Json) -> tuple[Json, int]:
    """Trigger a run."""
    made = run_handlers.create_run(body | {"repeat": 1, "shards": 1})[0]
    return render.run(runs.load_run(made["run_id"])), HTTPStatus.ACCEPTED


def platform_cancel_run(run_id: int, body: Json) -> tuple[Json, int]:
    """Cancel a run; one that is over stays as it is."""
    return run_handlers.cancel_run(run_id, body)


def platform_approve_baseline(run: Run, sample_id: int, body: Json) -> tuple[Json, int]:
    """File a request for an output of a run to become the baseline."""
    if body["remove_variants"]:
        raise Unprocessable(
            "An approval drops no variants.", {"remove_variants": True},
            remedy="Leave out remove_variants, and take back single approvals.")
    wish = {"regression_id": body["regression_id"], "output_id": body["output_id"], "reason": REASON}
    filed, status = baselines.request_baseline_approval(run, sample_id, wish)
    return {"status": _state(ApprovalStatus(filed["status"]))} | {name: filed[name] for name in APPROVAL}, status


def platform_create_variant(regression_test_id: int, output_id: int, body: Json) -> tuple[Json, int]:
    """File a request that a hash be accepted beside a baseline."""
    return _file_variant(None, body["hash"], BaselineProposal(regression_test_id, output_id, REASON, kind=ApprovalKind.VARIANT))


def platform_delete_variant(regression_test_id: int, output_id: int, variant_id: int) -> tuple[Json, int]:
    """File a request that a hash be accepted no longer."""
    wish = BaselineProposal(regression_test_id, output_id, REASON, kind=ApprovalKind.VARIANT_REMOVAL)
    for found in shelves.load_variants([output_id]).get(output_id, ()):
        if found.variant_id == variant_id:
            return _file_variant(variant_id, found.digest, wish)
    raise NotFound("variant", variant_id, remedy="GET /regression-tests/{regression_test_id} lists them.")


def _file_variant(variant_id: int | None, digest: str, wish: BaselineProposal) -> tuple[Json, int]:
    filed = baseline_reviews.ask_for_hash(wish, digest, baselines.reviewer())
    return render_library.variant_filed(variant_id, filed, _state(filed.status)), HTTPStatus.ACCEPTED


def _state(status: ApprovalStatus) -> str:
    return "approved" if status is ApprovalStatus.APPROVED else "pending"
