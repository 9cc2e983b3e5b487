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


def platform_create_variant(regression_test_id: int, output_id: int) -> NoReturn:
    """Refuse a hash of which nobody has seen the file."""
    raise Conflict(
        "A hash alone is not accepted.", {"regression_id": regression_test_id, "output_id": output_id},
        remedy="Ask for an approval of the output in a run: POST /api/v1/runs/{run_id}/samples/{sample_id}/baseline-approval.")


def platform_delete_variant(regression_test_id: int, output_id: int, variant_id: int) -> NoReturn:
    """Refuse to drop a hash that was approved."""
    raise Conflict(
        "What was approved is not dropped by its hash.",
        {"regression_id": regression_test_id, "output_id": output_id, "variant_id": variant_id},
        remedy="Take the approval back: POST /api/v1/baseline-approvals/{approval_id}/revert.")


def _no_queue() -> HttpProblem:
    return _not_offered("Files do not wait here.", "Make a sample of the file in one step: POST /api/v1/samples.")


def platform_upload_sample() -> NoReturn:
    """Refuse a file."""
    raise _no_queue()


def platform_list_queued_samples() -> NoReturn:
    """Tell that no files wait."""
    raise _no_queue()


def platform_get_queued_sample(queued_id: int) -> NoReturn:
    """Tell that no files wait."""
    raise _no_queue()


def platform_delete_queued_sample(queued_id: int) -> NoReturn:
    """Tell that no files wait."""
    raise _no_queue()


def platform_finalize_queued_sample(queued_id: int) -> NoReturn:
    """Tell that no files wait."""
    raise _no_queue()


def platform_link_queued_sample(queued_id: int) -> NoReturn:
    """Tell that no files wait."""
    raise _not_offered("Files do not wait here.", "Add the file to the sample: POST /api/v1/samples/{sample_id}/extra-files.")


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


def platform_update_me() -> NoReturn:
    """Tell who keeps names and addresses."""
    raise _not_offered(
        "Accounts do not change themselves here.",
        f"{ADMINS} for another name or address; change the password by PUT /api/v1/auth/password.")


def platform_unlink_github() -> NoReturn:
    """Tell who keeps GitHub accounts."""
    raise _not_offered("GitHub accounts are recorded by administrators.", f"{ADMINS} to forget the account.")


def platform_get_ftp_credentials() -> NoReturn:
    """Tell that there is no FTP server."""
    raise _not_offered("There is no FTP server.", "Send the file by POST /api/v1/samples.")
