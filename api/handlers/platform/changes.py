"""Operations that make, end and approve, as the Sample Platform has them."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.errors import Unprocessable
from api.domain.runs.run import Run
from api.handlers import baselines
from api.handlers import runs as run_handlers
from api.rendering.platform import runs as render
from api.services.runs import runs

Json = dict[str, Any]

REASON = "Asked for by a client of the Sample Platform's API, without a reason."
APPROVAL = ("run_id", "sample_id", "regression_id", "output_id", "requested_by", "created_at")


def platform_create_run(body: Json) -> tuple[Json, int]:
    """Trigger a run."""
    made = run_handlers.create_run(body | {"repeat": 1})[0]
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
    state = "approved" if filed["status"] == "approved" else "pending"
    return {"status": state} | {name: filed[name] for name in APPROVAL}, status
