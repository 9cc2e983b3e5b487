"""Refusals: one exception per reason, without status codes."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Refusal(Exception):
    """The base of all refusals.

    `message` and `remedy` are our own words: text that came from outside never stands in them.
    `details` is the structured context of the answer; `code` is the machine-readable reason.
    """

    code = "unprocessable"
    remedy: str | None = None

    def __init__(self, message: str, details: Mapping[str, Any] | None = None, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details or {})
        self.remedy = remedy or type(self).remedy


class NotFound(Refusal):
    """A resource named by the caller does not exist, or does not belong to what it was looked up in."""

    code = "not_found"
    remedy = "Check the id; list the parent collection to see what exists."

    def __init__(self, resource: str, id: int | str, *, remedy: str | None = None) -> None:
        shown = f" {id}" if isinstance(id, int) else ""
        super().__init__(f"{resource.replace('_', ' ').capitalize()}{shown} not found.", {"resource": resource, "id": id}, remedy=remedy)


class LogNotFound(Refusal):
    """A log is in none of the stores that were looked into."""

    code = "log_not_found"
    remedy = "Logs arrive while a run is executed and at its end; those of old runs may have been removed."

    def __init__(self, run_id: int, checked: Sequence[str]) -> None:
        super().__init__(f"The log of run {run_id} is in no store.", {"run_id": run_id, "checked": list(checked)})


class MissingOutput(NotFound):
    """The run should have produced an output, and did not."""

    code = "missing_output"
    remedy = "See the errors and the log of the run for the reason."

    def __init__(self) -> None:
        Refusal.__init__(self, "The run did not produce this output.")


class NoBaseRun(NotFound):
    """There is nothing that a run could be compared with."""

    remedy = "Name a run to compare with, by ?against=."

    def __init__(self, run_id: int) -> None:
        Refusal.__init__(self, f"There is no run to compare run {run_id} with.", {"resource": "base_run", "id": run_id})


class Unauthorized(Refusal):
    """No valid token came with the request."""

    code = "unauthorized"
    remedy = "Send 'Authorization: Bearer <token>'; a token is issued by POST /auth/tokens."

    def __init__(self) -> None:
        super().__init__("Bearer token is missing, expired, or invalid.")


class InvalidCredentials(Refusal):
    """A login did not succeed; why is never said."""

    code = "invalid_credentials"
    remedy = "Check e-mail and password; accounts are made by the operator."

    def __init__(self) -> None:
        super().__init__("Email or password is incorrect.")


class Forbidden(Refusal):
    """The caller is known, but scope, role or ownership do not suffice."""

    code = "forbidden"


class Invalid(Refusal):
    """Fields of the request are malformed; `fields` maps offending paths to what is wrong there, `omitted` more are not named."""

    code = "validation_error"
    remedy = "Correct the fields named in details.fields and send the request again."

    def __init__(self, fields: Mapping[str, str], message: str = "Request failed schema validation.", *, omitted: int = 0) -> None:
        super().__init__(message, {"fields": dict(fields)} | ({"fields_omitted": omitted} if omitted else {}))


class Conflict(Refusal):
    """The request contradicts what is stored now."""

    code = "conflict"


class NotReady(Conflict):
    """What the answer needs is still being made, and no fault of the server's; `retry_after` is in seconds."""

    remedy = "Try again after details.retry_after seconds."

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, {"retry_after": retry_after})
        self.retry_after = retry_after


class PreconditionFailed(Refusal):
    """What is to be changed is not what the client last saw of it."""

    code = "precondition_failed"
    remedy = "Get it again, and make the change to what it is now."

    def __init__(self) -> None:
        super().__init__("It was changed since the version that If-Match names.")


class Unprocessable(Refusal):
    """The request is well formed, but what it asks for makes no sense here."""

    code = "unprocessable"


class Unavailable(Refusal):
    """Something the answer needs cannot be had at the moment; `retry_after` is in seconds."""

    code = "unavailable"
    remedy = "Try again after details.retry_after seconds."

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message, {"retry_after": retry_after})
        self.retry_after = retry_after


class StoreFull(Unavailable):
    """The disk of the file store has no room left. Machines know it by the reason in the details."""

    MESSAGE, REASON = "The file store's disk is full.", "store_full"

    def __init__(self) -> None:
        super().__init__(self.MESSAGE, retry_after=60)
        self.details["reason"] = self.REASON


class TooMany(Refusal):
    """The caller has so much of something already that there is no more at the moment; `retry_after` is in seconds."""

    code = "rate_limited"

    def __init__(self, message: str, *, limit: int, retry_after: int, remedy: str) -> None:
        super().__init__(message, {"limit": limit, "retry_after": retry_after}, remedy=remedy)
        self.retry_after = retry_after
