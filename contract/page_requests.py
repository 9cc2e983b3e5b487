"""Requests of the pages' document, as a browser sends them: with a session, from a page of this server, about what there is."""
from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

from schemathesis import Case, GenerationMode, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import ComponentInfo

from contract.application import ADMIN, KNOWN_JOB, LOSER, PASSWORD, REVIEWER
from contract.fixtures import CLASS_ID, KNOWN, REASON, decision_of

TITLE = "CCExtractor CI System, the pages for people"
LOGIN, LOGOUT, DECISION, CAUSE = "/login", "/logout", "/review/{decision}", "/runs/{run_id}/causes/{class_id}/propose"
BEGIN, FINISH = "/login/github", "/login/github/callback"
SESSION, ATTEMPT = "ci_session", "ci_github"
THERE = KNOWN | {"class_id": CLASS_ID, "job_id": KNOWN_JOB["job_id"], "pull_request": 2264}
HIDDEN = re.compile('name="(expected_count|digest)" value="([0-9a-f]{1,64})"')

_sessions: dict[str, str] = {}


def session_for(case: Case[Any]) -> str:
    """The session that a page is asked with; what ends one has one for each request."""
    path, schema = case.operation.path, case.operation.schema
    if path == LOGOUT:
        return _log_in(schema, LOSER)
    email = REVIEWER if path == DECISION else ADMIN
    if email not in _sessions:
        _sessions[email] = _log_in(schema, email)
    return _sessions[email]


def keep_session(case: Case[Any], session: str) -> None:
    """Send the session along, but not where somebody comes in."""
    if not case.operation.path.startswith(LOGIN):
        case.cookies = {**(case.cookies or {}), SESSION: session}


def is_stranger(case: Case[Any]) -> bool:
    """Whether somebody without a session asks for a page that needs one."""
    return case.method.upper() == "GET" and not case.operation.path.startswith(LOGIN) and SESSION not in (case.cookies or {})


def visit(case: Case[Any]) -> None:
    """Send what a page of this server would, and let a part of the valid requests be of what there is."""
    case.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
    if is_stranger(case) and case.meta is not None:
        # To be nobody is no mistake in a request: pages lead to the way in.
        case.meta.components[ParameterLocation.COOKIE] = ComponentInfo(mode=GenerationMode.POSITIVE)
        case.meta.generation.mode = GenerationMode.POSITIVE
        return
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    body: dict[str, Any] = case.body if isinstance(case.body, dict) else {}
    if crc32(repr((case.path_parameters, case.query, body)).encode(errors="replace")) % 3:
        _speak_of_what_is_there(case, body)


def _speak_of_what_is_there(case: Case[Any], body: dict[str, Any]) -> None:
    for given in (case.path_parameters, case.query):
        given |= {name: value for name, value in THERE.items() if name in given}
    if "reason" in body:
        body["reason"] = REASON
    if case.operation.path == DECISION:
        body |= _decision(case.path_parameters["decision"])
    elif case.operation.path == CAUSE:
        body |= _shown_cause(case)
    elif case.operation.path == LOGIN and body:
        body |= {"email": REVIEWER, "password": PASSWORD, "token": ""}
    elif case.operation.path == FINISH:
        _come_back(case)


def _log_in(schema: Any, email: str) -> str:
    form = {"email": email, "password": PASSWORD}
    answer = schema[LOGIN]["POST"].Case(body=form, media_type="application/x-www-form-urlencoded").call()
    return _cookie(answer, SESSION)


def _cookie(answer: Response, name: str) -> str:
    found = SimpleCookie("\n".join(answer.headers["set-cookie"]))
    return found[name].value


def _decision(name: str) -> dict[str, str]:
    decision: dict[str, Any] = decision_of(name)
    return {
        "approval_ids": ",".join(decision["approval_ids"]), "expected_count": str(decision["expected_count"]), "digest": decision["digest"]}


def _shown_cause(case: Case[Any]) -> dict[str, str]:
    """The hidden fields of the form that the page of the run shows."""
    page = case.operation.schema["/runs/{run_id}"]["GET"].Case(
        path_parameters={"run_id": KNOWN["run_id"]}, cookies={SESSION: session_for(case)}).call()
    return dict(HIDDEN.findall(page.text))


def _come_back(case: Case[Any]) -> None:
    """Begin a login by GitHub, and finish it with the code that the stand-in takes."""
    begun = case.operation.schema[BEGIN]["GET"].Case().call()
    state = parse_qs(urlsplit(begun.headers["location"][0]).query)["state"][0]
    case.query = {"state": state, "code": "abc"}
    case.cookies = {**(case.cookies or {}), ATTEMPT: _cookie(begun, ATTEMPT)}
