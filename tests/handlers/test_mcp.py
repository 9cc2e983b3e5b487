"""POST /mcp over HTTP: messages of both kinds of revision, and tools that ask the API."""
from __future__ import annotations

import json
from typing import Any

import pytest

from api.domain.auth.access import Role, Scope
from tests.builders import add_finished_run, add_regression_test, add_result_with_output, add_run, digest_of
from tests.handlers.results.test_triage import finish
from tests.handlers.site import Client, Site

HOST = {"Host": "ci.example.test"}
VERSION = "io.modelcontextprotocol/protocolVersion"
META = {VERSION: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


@pytest.fixture
def agent(site: Site) -> Client:
    return site.as_role(Role.ADMIN)


def post(client: Client, message: Any, **headers: str) -> Any:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return client.post("/mcp", content=body, headers={"Content-Type": "application/json", **HOST, **headers})


def ask(client: Client, method: str, params: dict[str, Any] | None = None) -> Any:
    """A request as revisions with a handshake send it; its answer."""
    return post(client, {"jsonrpc": "2.0", "id": 7, "method": method, **({} if params is None else {"params": params})})


def ask_enveloped(client: Client, method: str, params: dict[str, Any] | None = None, **headers: str) -> Any:
    """A request as the newer revisions send it."""
    told = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, **({"Mcp-Name": params["name"]} if params else {}), **headers}
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**(params or {}), "_meta": META}}
    return post(client, message, **{name.replace("_", "-"): value for name, value in told.items()})


def call(client: Client, name: str, **arguments: Any) -> tuple[bool, Any]:
    """Whether a tool's call failed, and what it said."""
    answer = ask(client, "tools/call", {"name": name, "arguments": arguments}).json()["result"]
    return answer["isError"], json.loads(answer["content"][0]["text"])


@pytest.mark.parametrize(("asked", "version"), [("2025-06-18", "2025-06-18"), ("2026-07-28", "2025-11-25"), (None, "2025-11-25")])
def test_a_handshake_needs_no_session(agent: Client, asked: str | None, version: str) -> None:
    answer = ask(agent, "initialize", {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})

    result = answer.json()["result"]
    assert (answer.json()["id"], result["protocolVersion"], result["capabilities"]) == (7, version, {"tools": {}})
    assert "mcp-session-id" not in answer.headers and "resultType" not in result
    assert post(agent, {"jsonrpc": "2.0", "method": "notifications/initialized"}).status_code == 202


def test_a_request_with_an_envelope_is_answered_with_what_its_revision_has(agent: Client) -> None:
    found = ask_enveloped(agent, "server/discover").json()["result"]
    listed = ask_enveloped(agent, "tools/list").json()["result"]

    assert found["supportedVersions"][0] == "2026-07-28"
    assert [(each["resultType"], each["ttlMs"], each["cacheScope"]) for each in (found, listed)] == [("complete", 300_000, "private")] * 2
    assert ask_enveloped(agent, "tools/call", {"name": "find_runs"}).json()["result"]["resultType"] == "complete"


def test_the_list_of_tools_is_short(agent: Client) -> None:
    answer = ask(agent, "tools/list")

    assert [tool["name"] for tool in answer.json()["result"]["tools"]] == [
        "triage_run", "get_cluster", "seen_elsewhere", "test_steps", "find_runs", "wait_for_run", "get_diff", "get_cue_diff",
        "test_history", "failure_log", "trigger_run", "retry_run"]
    assert len(answer.content) <= 10_000


def test_a_tool_answers_as_the_api_does_and_counts_once(agent: Client, site: Site) -> None:
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])
    add_result_with_output(run_id, test, got=digest_of("bad"))
    finish(run_id)
    before = int(ask(agent, "ping").headers["X-RateLimit-Remaining"])

    triaged = call(agent, "triage_run", run_id=run_id)
    found = call(agent, "find_runs", status="fail")
    history = call(agent, "test_history", sample_id=test.sample_id)
    waited = call(agent, "wait_for_run", run_id=run_id, wait=1)

    assert triaged == (False, agent.get(f"/api/v1/runs/{run_id}/triage", params={"max_bytes": 8192}).json())
    assert [run["run_id"] for run in found[1]["data"]] == [run_id] and "links" not in found[1]["data"][0]
    assert (history[1]["data"][0]["run_id"], waited[1]["status"]) == (run_id, "fail")
    assert before - int(ask(agent, "ping").headers["X-RateLimit-Remaining"]) == 6


@pytest.mark.parametrize("class_id", [7, ""])
def test_a_part_of_an_address_that_is_a_text_must_be_one(agent: Client, class_id: Any) -> None:
    answer = ask(agent, "tools/call", {"name": "seen_elsewhere", "arguments": {"class_id": class_id}})

    assert answer.json()["error"]["message"] == "class_id must be a text."


def test_a_cause_is_looked_for_elsewhere_by_its_class(agent: Client) -> None:
    failed, found = call(agent, "seen_elsewhere", class_id="0" * 16)

    assert (failed, found["same_class"]["run_count"]) == (False, 0)


def test_a_run_is_triggered_and_retried_by_tools(agent: Client, site: Site) -> None:
    add_finished_run(add_regression_test())
    wanted = {"repository": "CCExtractor/ccextractor", "commit_sha": "c" * 40, "platform": "linux", "Idempotency-Key": "once"}

    first, again = call(agent, "trigger_run", **wanted), call(agent, "trigger_run", **wanted)

    assert (first[0], first[1]["run_id"]) == (False, again[1]["run_id"])
    assert call(agent, "retry_run", run_id=first[1]["run_id"])[1]["new_run_id"] > first[1]["run_id"]


@pytest.mark.parametrize(("scopes", "name", "arguments", "code"), [
    ((Scope.RUNS_READ,), "triage_run", {"run_id": 1}, "forbidden"),
    ((Scope.RESULTS_READ,), "triage_run", {"run_id": 999}, "not_found"),
    ((Scope.RUNS_READ,), "find_runs", {"limit": 1000}, "validation_error"),
])
def test_what_the_api_refuses_is_a_tools_error(
    site: Site, scopes: tuple[Scope, ...], name: str, arguments: dict[str, Any], code: str,
) -> None:
    client = site.as_role(Role.USER, *scopes)

    assert [found if isinstance(found, bool) else found["code"] for found in call(client, name, **arguments)] == [True, code]


def tool_call(params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


@pytest.mark.parametrize(("message", "status", "code"), [
    (b"{", 400, -32700), (b"\xff", 400, -32700), ([], 400, -32600), ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], 400, -32600),
    ({"id": 1, "method": "ping"}, 400, -32600), ({"jsonrpc": "2.0", "id": 1}, 400, -32600),
    ({"jsonrpc": "2.0", "id": True, "method": "ping"}, 400, -32600), ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, 400, -32600),
    ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, 400, -32602),
    ({"jsonrpc": "2.0", "id": 1, "method": "no/such"}, 404, -32601),
    *((tool_call(params), 400, -32602) for params in (
        {"name": "no_such"}, {"name": "triage_run", "arguments": []}, {"name": "triage_run"},
        {"name": "triage_run", "arguments": {"run_id": "1/../2"}}, {"name": "triage_run", "arguments": {"run_id": 1, "x": 1}})),
    ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": {VERSION: "2026-07-28"}}}, 400, -32602),
])
def test_a_broken_message_has_a_clear_answer(agent: Client, message: Any, status: int, code: int) -> None:
    answer = post(agent, message)

    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["jsonrpc"]) == (status, code, "2.0")


@pytest.mark.parametrize(("headers", "code"), [
    ({"Mcp_Method": "tools/list"}, -32020), ({"Mcp_Name": "find_runs"}, -32020), ({"Mcp_Name": "=?base64?!?="}, -32020),
    ({"MCP_Protocol_Version": "2027-01-01"}, -32020)])
def test_headers_that_differ_from_the_body_are_refused(agent: Client, headers: dict[str, str], code: int) -> None:
    answer = ask_enveloped(agent, "tools/call", {"name": "triage_run", "arguments": {"run_id": 1}}, **headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_a_revision_that_is_not_known_is_told_which_are(agent: Client) -> None:
    meta = META | {VERSION: "2027-01-01"}

    answer = post(
        agent, {"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"_meta": meta}},
        **{"MCP-Protocol-Version": "2027-01-01", "Mcp-Method": "ping"})

    assert answer.json()["error"]["data"] == {"supported": ["2026-07-28"], "requested": "2027-01-01"}


def test_a_name_in_base64_is_read(agent: Client) -> None:
    assert ask_enveloped(agent, "tools/call", {"name": "find_runs"}, Mcp_Name="=?base64?ZmluZF9ydW5z?=").status_code == 200


def test_without_a_token_there_is_a_plain_challenge(site: Site) -> None:
    answer = ask(site.client, "initialize")

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(("headers", "status"), [
    ({"Origin": "https://elsewhere.example"}, 403), ({"Origin": "null"}, 403), ({"Host": "evil.example"}, 403),
    ({"Origin": "https://ci.example.test"}, 200), ({"Host": "localhost:8000"}, 200), ({"Content-Type": "text/plain"}, 415)])
def test_pages_of_other_origins_and_other_names_are_refused(agent: Client, headers: dict[str, str], status: int) -> None:
    assert post(agent, {"jsonrpc": "2.0", "id": 7, "method": "ping"}, **headers).status_code == status


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_neither_a_stream_nor_a_session(agent: Client, method: str) -> None:
    answer = agent.request(method, "/mcp", headers=HOST)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_body_is_no_longer_than_it_may_be(agent: Client) -> None:
    assert post(agent, b'"' + b"x" * 70_000 + b'"').status_code == 413
