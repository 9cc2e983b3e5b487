"""Cancelling a run."""
from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from api.domain.auth.access import STAFF, Caller
from api.domain.errors import Forbidden
from api.domain.runs.run import Run


class ActionStatus(StrEnum):
    """What became of an action on a run."""

    ACCEPTED = "accepted"
    NO_OP = "no_op"


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The outcome of a cancel: `event_message` is what the run's progress will say, None where nothing is to be written."""

    run_id: int
    status: ActionStatus
    message: str
    event_message: str | None = None


def authorize_action(caller: Caller, run: Run) -> None:
    """Let pass staff and the one who triggered the run; raise Forbidden for everybody else."""
    if caller.is_staff or run.requester is not None and run.requester.user_id == caller.user_id:
        return
    raise Forbidden(
        "Only the user who triggered this run, or staff, may do this.",
        {"required_roles": sorted(STAFF), "role": caller.role.value},
        remedy="Ask the user who triggered the run, or a member of staff.")


def cancel(run: Run, caller: Caller, reason: str | None) -> Cancellation:
    """Cancel a run that is not over; cancelling one that is over changes nothing. Raises Forbidden."""
    authorize_action(caller, run)
    if run.status.is_finished:
        return Cancellation(run.run_id, ActionStatus.NO_OP, f"The run is already over ({run.status.value}); nothing was changed.")
    words = f"Canceled by {caller.name} via API" + (f": {reason}" if reason else "")
    return Cancellation(run.run_id, ActionStatus.ACCEPTED, "The run is canceled.", words)
