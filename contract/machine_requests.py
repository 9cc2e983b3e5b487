"""What the fuzzer has to be told of the machines' protocol: the one machine, and the run and the job that it has claimed."""
from __future__ import annotations

from hashlib import sha256
from typing import Any, cast
from zlib import crc32

from schemathesis import Case, GenerationMode

from api.domain.runs.infrastructure_code import InfrastructureCode
from contract.application import CLAIMED, CLAIMED_JOB, CLAIMED_TEST, SAMPLE, SESSION

TITLE = "CCExtractor CI System, the machines' side"
CLAIM = f"run-{CLAIMED}-1"
JOB_CLAIM = f"job-{CLAIMED_JOB}-1"
CLAIMS, RENEWAL, END = "/claims", "/claims/renew", "/claims/{claim}/end"
LOG, ARTIFACT = "/claims/{claim}/log", "/claims/{claim}/artifacts/{sha256}"
RESULTS = "/claims/{claim}/results"
KEPT, NO_CLAIM = (CLAIM, JOB_CLAIM), "run-9999-1"
KNOWN = {
    "claim": CLAIM, "sha256": sha256(SAMPLE).hexdigest(), "regression_id": CLAIMED_TEST.regression_id,
    "output_id": CLAIMED_TEST.output_id}


def fit(case: Case[Any]) -> None:
    """Let valid requests be of the claimed run: the process is always the one that claimed it, and two of three requests are of that run.

    Nothing renews or ends that claim, so that it stays.
    """
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.operation.path == CLAIMS and case.method.upper() == "POST":
        case.body = {"session": SESSION, "kinds": ["run"], "wait": 0}
    elif case.operation.path == LOG:
        case.path_parameters["claim"] = KEPT[crc32(repr(case.body).encode(errors="replace")) % 2]
    elif case.operation.path == ARTIFACT:
        _send_of_the_job(case)
    elif case.operation.path in (RENEWAL, END):
        _keep_what_is_claimed(case)
    elif case.method.upper() != "POST" and crc32(repr(case.path_parameters).encode(errors="replace")) % 3:
        case.path_parameters |= {name: value for name, value in KNOWN.items() if name in case.path_parameters}
    elif case.operation.path == RESULTS:
        _tell_of_the_run(case)


def _send_of_the_job(case: Case[Any]) -> None:
    case.path_parameters["claim"] = JOB_CLAIM
    if crc32(repr(case.body).encode(errors="replace")) % 2:
        # No generator finds a content by its hash.
        case.path_parameters["sha256"], case.body = KNOWN["sha256"], SAMPLE


def _tell_of_the_run(case: Case[Any]) -> None:
    """Let results be of the claimed run's test, two of three times, and each have either an ending or an error."""
    case.path_parameters["claim"] = CLAIM
    told = cast(list[dict[str, Any]], cast(dict[str, Any], case.body)["results"])
    if crc32(repr(told).encode(errors="replace")) % 3:
        case.body = {"results": [_result(each["ending"], each["error"]) for each in told]}


def _result(ending: dict[str, Any] | None, error: dict[str, Any] | None) -> dict[str, Any]:
    if ending is None and error is not None:
        return {"regression_id": CLAIMED_TEST.regression_id, "ending": None, "error": _with_type(error)}
    ended = (ending or {"exit_code": 0, "runtime_ms": 5}) | {"equal_outputs": [CLAIMED_TEST.output_id]}
    return {"regression_id": CLAIMED_TEST.regression_id, "ending": ended, "error": None}


def _with_type(error: dict[str, Any]) -> dict[str, Any]:
    """The error with the type of its code."""
    return error | {"type": InfrastructureCode[error["code"]].type}


def _keep_what_is_claimed(case: Case[Any]) -> None:
    if case.path_parameters.get("claim") in KEPT:
        case.path_parameters["claim"] = NO_CLAIM
    if isinstance(case.body, dict) and "claims" in case.body:
        case.body = {**case.body, "claims": [each for each in cast(list[Any], case.body["claims"]) if each not in KEPT]}
