"""What is done with runs over HTTP."""
from __future__ import annotations

from typing import Any

from api.domain.auth.access import Role
from contract.client import ValidatingClient

RUNS = "/api/v1/runs"
STAFF = [Role.ADMIN, Role.TESTER, Role.CONTRIBUTOR]


def act(client: ValidatingClient, run_id: int, action: str, *, key: str | None = None, **body: Any) -> Any:
    """Cancel or retry."""
    return client.post(f"{RUNS}/{run_id}/{action}", json=body, headers={} if key is None else {"Idempotency-Key": key})


def status(client: ValidatingClient, run_id: int) -> str:
    """The status of a run."""
    found: str = client.get(f"{RUNS}/{run_id}").json()["status"]
    return found
