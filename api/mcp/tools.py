"""The tools: which operation each calls, and its input as the document says it."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from api.mcp.messages import INVALID_PARAMS, RpcError
from api.specfirst.binding.routing import resolved

Json = dict[str, Any]

# What says nothing to who calls a tool, or only to generators of code.
_LEFT_OUT = frozenset({"title", "example", "nullable", "x-enum-varnames"})
# A bound that says nothing to who takes ids from answers.
LARGEST_ID = 2**31 - 1
SHOWN = "run_id,status,commit_sha,branch,pull_request,platform,created_at"


@dataclass(frozen=True, slots=True)
class ToolText:
    """What we say of a tool: the parameters that it has, other defaults than the document's, and what is always sent."""

    name: str
    operation_id: str
    description: str
    parameters: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


TEXTS = (
    ToolText(
        "triage_run", "triage_run",
        "What failed in a run: its causes (clusters), own ones first, then tests of each: how, since which commit, whether the run's own "
        "commits are to blame (origin), and where the output first differs. next is relative to /runs/{run_id}/triage.",
        ("run_id", "max_bytes", "attribution", "cluster", "cursor"), {"max_bytes": 8192}),
    ToolText(
        "get_cluster", "get_cluster", "One cause of a run's failures with its tests: what is different, whose it is and why, since when.",
        ("run_id", "class_id", "limit"), {"limit": 5}),
    ToolText(
        "seen_elsewhere", "list_occurrences",
        "Other runs that fail for causes of a class; with run_id and regression_id also those where that test changed or came out alike.",
        ("class_id", "days", "run_id", "regression_id"), fixed={"limit": 5}),
    ToolText(
        "test_steps", "list_test_steps", "The runs in which the output of a regression test changed, newest first, and how.",
        ("regression_id", "platform", "branch", "limit"), {"limit": 10}),
    ToolText(
        "find_runs", "list_runs", "Runs, newest first.",
        ("status", "branch", "pull_request", "commit_sha", "platform", "limit", "cursor"), {"limit": 10}, {"fields": SHOWN}),
    ToolText(
        "wait_for_run", "get_run", "A run as it stands. With wait, answers when its state changes, after so many seconds at most.",
        ("run_id", "wait"), {"wait": 30}),
    ToolText(
        "get_diff", "get_diff", "The difference between an output and its baseline, or another run's, in lines.",
        ("run_id", "sample_id", "regression_id", "output_id", "against", "context_lines"), fixed={"format": "unified"}),
    ToolText(
        "get_cue_diff", "get_diff", "The same of captions, cue by cue: what is different, by how much, and which cues changed.",
        ("run_id", "sample_id", "regression_id", "output_id", "against"), fixed={"view": "cues"}),
    ToolText(
        "test_history", "list_sample_history", "How the regression tests of a sample fared from run to run, newest first, with runtimes.",
        ("sample_id", "regression_id", "branch", "platform", "limit"), {"limit": 10}),
    ToolText(
        "failure_log", "list_sample_logs", "The lines of a failing test's log that its last passing logs do not have, with those around.",
        ("run_id", "sample_id", "regression_id", "limit"), {}, {"view": "failure_only"}),
    ToolText(
        "trigger_run", "create_run",
        "Queue a run of a commit, or several alike (repeat). The same Idempotency-Key makes no second run.",
        ("Idempotency-Key", "repository", "branch", "commit_sha", "pull_request", "platform", "regression_test_ids", "repeat", "parent_sha",
         "merge_base_sha")),
    ToolText("retry_run", "retry_run", "Queue the same run once more.", ("Idempotency-Key", "run_id", "reason")),
)


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request that a tool's call stands for; path and query without the API's base."""

    operation_id: str
    method: str
    path: str
    path_parameters: Mapping[str, Any]
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool with its operation; `places` has where each of its arguments goes, `body` for members of the body."""

    text: ToolText
    method: str
    path: str
    places: Mapping[str, str]
    schema: Json

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"

    @property
    def listed(self) -> Json:
        """The tool as a list of tools has it."""
        return {
            "name": self.text.name, "description": self.text.description, "inputSchema": self.schema,
            "annotations": {"readOnlyHint": not self.writes, "openWorldHint": False} | ({"destructiveHint": False} if self.writes else {})}

    def call(self, arguments: Mapping[str, Any]) -> Call:
        """The request that a call stands for. Raises RpcError for arguments that the tool does not have, or lacks."""
        unknown, missing = arguments.keys() - self.places.keys(), set(self.schema["required"]) - arguments.keys()
        if unknown or missing:
            raise RpcError(INVALID_PARAMS, "Arguments are unknown or missing.", {"unknown": sorted(unknown), "missing": sorted(missing)})
        given = {**self.text.defaults, **arguments}
        parts = {
            place: {name: given[name] for name in given if self.places[name] == place} for place in ("path", "query", "header", "body")}
        path = self.path
        for name, value in parts["path"].items():
            is_text = self.schema["properties"][name].get("type") == "string"
            if not (_is_text(value) if is_text else _is_id(value)):
                raise RpcError(INVALID_PARAMS, f"{name} must be {'a text' if is_text else 'an integer from 1'}.")
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        body = json.dumps(parts["body"]).encode() if "body" in self.places.values() else b""
        headers = {name.lower(): str(value) for name, value in parts["header"].items()}
        query = urlencode({name: _text(value) for name, value in {**self.text.fixed, **parts["query"]}.items()}, safe=",")
        return Call(self.text.operation_id, self.method, path, parts["path"], query, headers, body)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def tools_of(content: Mapping[str, Any], texts: Sequence[ToolText] = TEXTS) -> tuple[Tool, ...]:
    """The tools for the operations of a document."""
    operations = {
        operation["operationId"]: (path, method, item, operation) for path, item in content["paths"].items()
        for method, operation in item.items() if isinstance(operation, dict) and "operationId" in operation}
    return tuple(_tool(text, *operations[text.operation_id], content) for text in texts)


def _tool(
    text: ToolText, path: str, method: str, item: Mapping[str, Any], operation: Mapping[str, Any], content: Mapping[str, Any],
) -> Tool:
    parameters = [resolved(each, content) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    inputs = {each["name"]: (each["in"], each["schema"], each.get("description"), each.get("required", False)) for each in parameters}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body is not None:
        members = resolved(body, content)
        required = members.get("required", ())
        inputs |= {name: ("body", schema, None, name in required) for name, schema in members["properties"].items()}
    chosen = {name: inputs[name] for name in text.parameters}
    properties = {
        name: _schema(schema, content, description, text.defaults.get(name)) for name, (_, schema, description, _) in chosen.items()}
    return Tool(text, method.upper(), path, {name: place for name, (place, *_) in chosen.items()}, {
        "type": "object", "properties": properties, "required": [name for name, (*_, needed) in chosen.items() if needed]})


def _schema(schema: Mapping[str, Any], content: Mapping[str, Any], description: str | None, default: Any) -> Json:
    """A schema without references, in the words of JSON Schema."""
    found = resolved(schema, content)
    shown = {name: value for name, value in found.items() if name not in _LEFT_OUT}
    if found.get("nullable"):
        shown["type"] = [found["type"], "null"]
        if "enum" in shown:
            shown["enum"] = [*shown["enum"], None]
    if "items" in found:
        shown["items"] = _schema(found["items"], content, None, None)
    if shown.get("maximum") == LARGEST_ID:
        shown = {name: value for name, value in shown.items() if name not in ("minimum", "maximum")}
    if "pattern" in shown:
        shown = {name: value for name, value in shown.items() if name not in ("minLength", "maxLength")}
    said = " ".join((description or found.get("description") or "").split()).partition(". ")[0].removesuffix(".")
    return shown | ({"description": said} if said else {}) | ({} if default is None else {"default": default})
