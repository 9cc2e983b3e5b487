"""Operations of the Sample Platform that this server does not follow it in; each refusal says what to do instead."""
from __future__ import annotations

from http import HTTPStatus
from typing import NoReturn

from api.domain.errors import Conflict
from api.domain.runs.run import Run
from api.specfirst.responses.error_responses import HttpProblem

ADMINS = "Ask an administrator"


def _not_offered(what: str, remedy: str) -> HttpProblem:
    return HttpProblem(HTTPStatus.NOT_IMPLEMENTED, "not_implemented", what, remedy=remedy)


def platform_restart_run(run: Run) -> NoReturn:
    """Refuse to erase the results of a run."""
    retry = f"POST /api/v1/runs/{run.run_id}/retry"
    raise Conflict(
        "A restart would erase the results of the run.", {"run_id": run.run_id, "retry": retry},
        remedy="Send details.retry: it makes a new run like this one, and keeps the old one.")


def platform_sign_up() -> NoReturn:
    """Tell who makes accounts."""
    raise _not_offered("Nobody gets an account by mail.", f"{ADMINS} for an account.")


def _no_mail() -> HttpProblem:
    return _not_offered(
        "Passwords are not set by mail.", f"{ADMINS} to set the password; who knows it changes it by PUT /api/v1/auth/password.")


def platform_request_password_reset() -> NoReturn:
    """Tell who sets passwords."""
    raise _no_mail()


def platform_complete_password_reset() -> NoReturn:
    """Tell who sets passwords."""
    raise _no_mail()


def platform_send_password_reset(user_id: int) -> NoReturn:
    """Tell who sets passwords."""
    raise _not_offered("Passwords are not set by mail.", "Set the password on the server: ci-api users password.")


def platform_get_ftp_credentials() -> NoReturn:
    """Tell that there is no FTP server."""
    raise _not_offered("There is no FTP server.", "Send the file by POST /api/v1/samples.")
