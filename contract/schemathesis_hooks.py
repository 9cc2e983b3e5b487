"""What the fuzzer has to be told beside its configuration: how to log in, and what there is to work on.

Loaded by `schemathesis.toml`, for the tests and for the command line.
"""
from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis import AuthContext, Case, GenerationMode, HookContext

from contract.served import ADMIN, KNOWN, KNOWN_JOB, LOSER, PASSWORD, WORKED_ON, make_token, worker_token
from tests.builders import MAIN_REPOSITORY

TOKENS, SUBMISSION = "/auth/tokens", "/submit-async"
SCOPES = ["runs:read", "runs:write", "results:read", "baselines:write", "system:read"]
STREAMS = ("/submit", "/submit-stream", "/jobs/{job_id}/stream")
# A zip without any file has the one thing that these texts need: it is one in UTF-8, too.
EMPTY_ZIP = "PK\5\6" + "\0" * 18
RUN_ID, NO_RUN = re.compile("-?[0-9]{1,18}"), 4711


@schemathesis.auth(refresh_interval=None)
class Tokens:
    """One token for all requests; but those that can revoke tokens have one each, of an account that loses them all."""

    def __init__(self) -> None:
        self._lasting: dict[int, str] = {}

    def get(self, case: Case[Any], context: AuthContext) -> str | None:
        """Log in, where the document has a login; jobs are asked for with a token that is known beforehand."""
        schema = context.operation.schema
        if SUBMISSION in schema.raw_schema["paths"]:
            return make_token().value
        if TOKENS not in schema.raw_schema["paths"]:
            return None
        if context.operation.path.startswith(TOKENS):
            return _log_in(schema, LOSER)
        if id(schema) not in self._lasting:
            self._lasting[id(schema)] = _log_in(schema, ADMIN)
        return self._lasting[id(schema)]

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        """Show the token."""
        case.headers["Authorization"] = f"Bearer {data}"


def _log_in(schema: Any, email: str) -> str:
    body = {"email": email, "password": PASSWORD, "token_name": uuid4().hex, "scopes": SCOPES}
    return str(schema[TOKENS]["POST"].Case(body=body, media_type="application/json").call().json()["token"])


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Let a part of the valid requests be of what there is: no generator finds a password, a secret or the one repository."""
    if "token" in case.path_parameters and not RUN_ID.fullmatch(str(case.path_parameters["run_id"])):
        # An address without a number is none of the workers' protocol, whose document therefore has no 404.
        case.path_parameters["run_id"] = NO_RUN
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    _ask_for_a_job(case)
    body: dict[str, Any] = case.body if isinstance(case.body, dict) else {}
    if "token" in case.path_parameters:
        _report_on_a_run(case.path_parameters)
    else:
        for given in (case.path_parameters, case.query, body, *body.get("requests", ())):
            given |= {name: value for name, value in KNOWN.items() if name in given and int(given[name]) % 3}
    if len(body.get("token_name", "")) % 2:
        body |= {"email": LOSER, "password": PASSWORD}
    if len(body.get("repository", "")) % 2:
        body |= {"repository": MAIN_REPOSITORY}


def _report_on_a_run(parameters: dict[str, Any]) -> None:
    if int(parameters["run_id"]) % 3:
        run_id = WORKED_ON[int(parameters["run_id"]) % len(WORKED_ON)]
        parameters |= {"run_id": run_id, "token": worker_token(run_id)}


def _ask_for_a_job(case: Case[Any]) -> None:
    if case.operation.path.endswith(STREAMS):
        # Nobody runs the jobs, so that their streams would wait for ever.
        case.query = {**(case.query or {}), "timeout": 1}
    if "job_id" in case.path_parameters and len(str(case.path_parameters["job_id"])) % 3:
        case.path_parameters |= {name: value for name, value in KNOWN_JOB.items() if name in case.path_parameters}
    # Each stream is waited for, so that few are opened.
    share = 9 if case.operation.path in STREAMS else 2
    if isinstance(case.body, dict) and len(str(case.body.get("file", "-"))) % share == 0:
        case.body |= {"file": EMPTY_ZIP}
