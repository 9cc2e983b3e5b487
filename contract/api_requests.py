"""What the fuzzer has to be told of the APIs: which runs, jobs and accounts there are to work on, and what may be there once."""
from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any
from uuid import uuid4
from zlib import crc32

from schemathesis import Case, GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import ComponentInfo, TestPhase

from contract.application import KNOWN_JOB, LOSER, MACHINE, PASSWORD, WORKED_ON, worker_token
from contract.conversation import PASSWORDS, UNHELD, conversation_of, password_now
from contract.fixtures import CLASS_ID, KNOWN, PLATFORM_KNOWN, REASON, RELEASE, REQUESTS, UNUSED_EXTENSION, decision_of
from tests.builders import MAIN_REPOSITORY

OWN_PASSWORD, FILES = "/auth/password", "/runs/{run_id}/artifacts"
JOB_STREAM, LOG_STREAM = "/jobs/{job_id}/stream", "/runs/{run_id}/logs/stream"
STREAMS = ("/submit", "/submit-stream", JOB_STREAM, LOG_STREAM)
DECISIONS = tuple(f"/baseline-approvals{middle}/{decision}" for decision in REQUESTS for middle in ("/{approval_id}", ""))
REPEAT, UNCHANGED = "Idempotency-Key", "If-Match"
SAMPLE, FINALIZE = "/samples/{sample_id}", "/finalize"
# What may be there once, by the property that tells it from others.
NEW = {"/samples": "file", "/samples/upload": "file", "/categories": "name", "/tags": "name"}
# How paths end that end the waiting of an upload.
ENDING = ("finalize", "link")
# An account that nothing is asked as, so that it may lose its role.
USER, KEPT_USER, OWN_ACCOUNT = "/users/{user_id}", 7, "/auth/me"
# No row has a larger number.
NUMBERS = range(1, 10_000)
RUN_ID, NO_RUN = re.compile("-?[0-9]{1,18}"), 4711
# Parameters whose values only the server can make, and those that say what such a value is good for.
PLACES, PLACE_IN = ("cursor", "last_event_id"), ("sort", "regression_id")


def _smallest_zip() -> str:
    """A zip of one file without a byte, which has the one thing that these texts need: it is one in UTF-8, too."""
    written, entry = io.BytesIO(), zipfile.ZipInfo("a")
    # The mark of MS-DOS for any file; a mode of Unix is no UTF-8.
    entry.create_system, entry.external_attr = 0, 0x20
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(entry, b"")
    return written.getvalue().decode()


SMALLEST_ZIP = _smallest_zip()
_forged: set[str] = set()


def fit(case: Case[Any]) -> None:
    """Let a part of the valid requests be of what there is: no generator finds a password, a secret or the one repository."""
    _make_fitting(case)
    _keep_what_is_known(case)


def is_forged(case: Case[Any]) -> bool:
    """Whether the request goes on from a place that the server did not give."""
    return case.id in _forged


def _make_fitting(case: Case[Any]) -> None:
    if "token" in case.path_parameters and not RUN_ID.fullmatch(str(case.path_parameters["run_id"])):
        # An address without a number is none of the workers' protocol, whose document therefore has no 404.
        case.path_parameters["run_id"] = NO_RUN
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    body: dict[str, Any] = case.body if isinstance(case.body, dict) else {}
    _ask_for_a_job(case)
    if "token" in case.path_parameters:
        _report_on_a_run(case.path_parameters)
    else:
        # The document's examples are of what is there.
        _speak_of_what_is_there(case, {} if case.meta.phase.name is TestPhase.EXAMPLES else body)
    _change_an_account(case, body)
    _be_new(case, body)
    if "offset" in case.operation.query and case.meta.phase.name is TestPhase.STATEFUL:
        # What leads on to other requests is a list that has something.
        case.query = {name: value for name, value in case.query.items() if name.endswith("_id")}
    _say_something(case, body)
    _fetch_a_file(case)
    if case.operation.path in STREAMS:
        _listen(case)
    for name in PLACES:
        # The events of jobs have ids of a form that the document tells.
        if name in case.query and case.operation.path != JOB_STREAM:
            _go_on(case, name)


def _report_on_a_run(parameters: dict[str, Any]) -> None:
    if int(parameters["run_id"]) % 3:
        run_id = WORKED_ON[int(parameters["run_id"]) % len(WORKED_ON)]
        parameters |= {"run_id": run_id, "token": worker_token(run_id)}


def _change_an_account(case: Case[Any], body: dict[str, Any]) -> None:
    if case.operation.path == USER and case.method.upper() == "PATCH":
        case.path_parameters["user_id"] = KEPT_USER
    if case.operation.path == OWN_ACCOUNT and body:
        # All else is asked as this account, whose address and password therefore stay.
        case.body = {"name": uuid4().hex}
    if case.operation.path == OWN_PASSWORD and len(body["new_password"]) % 4:
        current, token = password_now(case.operation.schema)
        case.headers["Authorization"] = f"Bearer {token}"
        case.body = {"current_password": current, "new_password": PASSWORDS[current]}


def _ask_for_a_job(case: Case[Any]) -> None:
    if "job_id" in case.path_parameters and len(str(case.path_parameters["job_id"])) % 3:
        case.path_parameters |= _those_of(case, KNOWN_JOB)
    # Each stream is waited for, so that few are opened.
    share = 9 if case.operation.path in STREAMS else 2
    if isinstance(case.body, dict) and "file" in case.body and crc32(repr(case.body).encode(errors="replace")) % share == 0:
        case.body |= {"file": SMALLEST_ZIP}


def _listen(case: Case[Any]) -> None:
    """Nobody runs what waits, and its streams would wait for ever; the dozens that try each bound are of what is over."""
    if case.meta is not None and case.meta.phase.name is TestPhase.COVERAGE:
        case.path_parameters |= _those_of(case, KNOWN | KNOWN_JOB)
    if not case.path_parameters or _those_of(case, KNOWN | KNOWN_JOB) != case.path_parameters:
        case.query = {**(case.query or {}), "timeout": 1}


def _those_of(case: Case[Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The path's parameters with values that are known."""
    return {name: value for name, value in known.items() if name in case.path_parameters}


def _speak_of_what_is_there(case: Case[Any], body: dict[str, Any]) -> None:
    decision = case.operation.path.rpartition("/")[2]
    if len(str(case.path_parameters.get("extension", ""))) % 2:
        case.path_parameters["extension"] = UNUSED_EXTENSION
    known = KNOWN | PLATFORM_KNOWN | {"approval_id": REQUESTS.get(decision, REQUESTS["approve"])}
    # Where requests follow each other, they are of what the one before has told.
    told = NUMBERS if case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL else range(0)
    # The fuzzer takes some ids from answers, one of them again and again, so that all of a request counts.
    is_known = bool(crc32(repr((case.path_parameters, case.query, body)).encode(errors="replace")) % 3)
    if "approval_ids" in body and body["expected_count"] % 3:
        body |= decision_of(decision)
    for given in (case.path_parameters, case.query, body, *body.get("requests", ())):
        given |= {
            name: value for name, value in known.items()
            if name in given and (is_known or int(given[name]) % 3 or int(given[name]) in REQUESTS.values())
            and int(given[name]) not in told}
    # A variant is not gone until somebody approves that.
    ends = case.method.upper() == "DELETE" and "variant_id" not in case.path_parameters or decision in ENDING
    if ends and not told:
        _end_a_spare(case)
    elif "machine_name" in case.path_parameters and not told and is_known:
        case.path_parameters["machine_name"] = MACHINE
    if "class_id" in case.path_parameters and int(case.path_parameters["class_id"], 16) % 3:
        case.path_parameters["class_id"] = CLASS_ID


def _end_a_spare(case: Case[Any]) -> None:
    """In two of three requests end what nothing refers to; in the third leave alone what other requests speak of."""
    spare = _those_of(case, conversation_of(case.operation.schema).spare())
    if spare:
        case.path_parameters |= spare
        case.headers.pop(UNCHANGED, None)
    else:
        case.path_parameters |= _those_of(case, UNHELD)


def _keep_what_is_known(case: Case[Any]) -> None:
    """Leave alone what other requests speak of: some that should be refused differ in nothing that matters, others follow a link to it."""
    known = _those_of(case, PLATFORM_KNOWN)
    held = {name: UNHELD[name] for name in UNHELD if name in known and str(case.path_parameters[name]) == str(known[name])}
    # What is written to is held against the schema anew, even where nothing changes.
    if held and case.method.upper() == "DELETE":
        case.path_parameters |= held


def _be_new(case: Case[Any], body: dict[str, Any]) -> None:
    """Give one in two of the things that may be there once a name, or bytes, that nothing had before."""
    new = NEW.get(case.operation.path) if case.method.upper() == "POST" else None
    if new in body and crc32(repr(body).encode(errors="replace")) % 2:
        body[new] = uuid4().hex


def _say_something(case: Case[Any], body: dict[str, Any]) -> None:
    if len(body.get("token_name", "")) % 2:
        case.body = body | {"email": LOSER, "password": PASSWORD, "token_name": uuid4().hex}
    if UNCHANGED in case.headers and crc32(repr((case.body, case.path_parameters)).encode(errors="replace")) % 2:
        del case.headers[UNCHANGED]
    _name_no_labels(case, body)
    if case.operation.path.endswith(FINALIZE) and len(body.get("version", "")) % 2:
        body |= {"version": RELEASE}
    if len(case.headers.get(REPEAT, "")) % 2:
        case.headers[REPEAT] = uuid4().hex
    if len(body.get("repository", "")) % 2:
        body |= {"repository": MAIN_REPOSITORY}
    for request in (body, *body.get("requests", ())):
        if "output_id" in request and len(request.get("reason", "")) % 2:
            request |= {"reason": REASON}


def _name_no_labels(case: Case[Any], body: dict[str, Any]) -> None:
    """Leave out a sample's version and tags in two of three edits: no generator finds one that the library knows."""
    if case.operation.path == SAMPLE and case.method.upper() == "PATCH" and len(json.dumps(body)) % 3:
        case.body = {name: value for name, value in body.items() if name not in ("version", "tags")} or {"notes": REASON}


def _fetch_a_file(case: Case[Any]) -> None:
    """Use an address that the server gave for a file."""
    if "ticket" in case.path_parameters and len(case.path_parameters["ticket"]) % 3:
        files = conversation_of(case.operation.schema).ask(FILES, {"run_id": KNOWN["run_id"]}, {})["data"]
        address = next(file["download_url"] for file in files if file["download_url"])
        case.path_parameters["ticket"] = address.rpartition("/")[2]


def _go_on(case: Case[Any], name: str) -> None:
    """Go on from a place that the server gave, if it gives any; but leave one in two as it is, which is forged then."""
    if len(case.query[name]) % 2:
        _forged.add(case.id)
        _call_invalid(case)
        return
    query = {each: case.query[each] for each in PLACE_IN if each in case.query}
    path = case.operation.path.removesuffix("/stream")
    page = conversation_of(case.operation.schema).ask(path, case.path_parameters, query | {"limit": 1})
    place = page.get("pagination", {}).get("next_cursor")
    # A place and an offset are two starts.
    rest = {each: value for each, value in case.query.items() if each not in (name, "offset")}
    case.query = rest if place is None else rest | {name: place}


def _call_invalid(case: Case[Any]) -> None:
    """Label a request whose fault no schema can tell as what it is, so that nobody expects it to be accepted."""
    meta = case.meta
    if meta is not None:
        meta.components[ParameterLocation.QUERY] = ComponentInfo(mode=GenerationMode.NEGATIVE)
        meta.generation.mode = GenerationMode.NEGATIVE
