"""JSON-RPC messages as the protocol's two kinds of revision have them: with a handshake, and with an envelope in each request."""
from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

Json = dict[str, Any]

ENVELOPE = "2026-07-28"
HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26")
VERSION_KEY, CAPABILITIES_KEY = "io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
_STATUS = {METHOD_NOT_FOUND: HTTPStatus.NOT_FOUND}
_BASE64 = re.compile(r"=\?base64\?(.*)\?=")


class RpcError(Exception):
    """A message that is answered with an error; `code` is the protocol's."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


@dataclass(frozen=True, slots=True)
class Request:
    """A request, or a notification where `id` is None; `enveloped` by the newer kind of revision."""

    id: str | int | None
    method: str
    params: Mapping[str, Any]
    enveloped: bool


def parse_request(message: Any, headers: Mapping[str, str]) -> Request:
    """The request of a body that was JSON; `headers` by lower-case names. Raises RpcError."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        raise RpcError(INVALID_REQUEST, "The body must be one JSON-RPC 2.0 request or notification.")
    given, params = message.get("id"), message.get("params", {})
    if "id" in message and (isinstance(given, bool) or not isinstance(given, str | int)):
        raise RpcError(INVALID_REQUEST, "id must be a text or an integer.")
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params must be an object.")
    meta = params.get("_meta")
    version = headers.get("mcp-protocol-version")
    enveloped = (isinstance(meta, dict) and VERSION_KEY in meta) or version not in (None, *HANDSHAKE, "2024-11-05")
    if enveloped and "id" in message:
        _check_envelope(message["method"], params, headers)
    return Request(given, message["method"], params, enveloped)


def _check_envelope(method: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Headers repeat what the body says, for who routes by them; where they differ, nobody knows what was meant."""
    meta = params.get("_meta")
    if not isinstance(meta, dict) or not {VERSION_KEY, CAPABILITIES_KEY} <= meta.keys():
        raise RpcError(INVALID_PARAMS, f"params._meta must have {VERSION_KEY} and {CAPABILITIES_KEY}.")
    version = meta[VERSION_KEY]
    if headers.get("mcp-protocol-version") != version:
        raise RpcError(HEADER_MISMATCH, "MCP-Protocol-Version differs from the body's protocol version.")
    if headers.get("mcp-method") != method:
        raise RpcError(HEADER_MISMATCH, "Mcp-Method differs from the body's method.")
    if method == "tools/call" and _decoded(headers.get("mcp-name")) != params.get("name"):
        raise RpcError(HEADER_MISMATCH, "Mcp-Name differs from the body's name of a tool.")
    if version != ENVELOPE:
        raise RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version.", {"supported": [ENVELOPE], "requested": version})


def _decoded(header: str | None) -> str | None:
    found = _BASE64.fullmatch(header or "")
    if found is None:
        return header
    try:
        return base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def chosen_version(asked: Any) -> str:
    """The revision that a handshake agrees on: the one asked for where it is known, else the newest of the kind."""
    return asked if asked in HANDSHAKE else HANDSHAKE[0]


def result_of(request: Request, result: Json, server: Json, *, kept_ms: int | None = None) -> Json:
    """The answer to a request; `kept_ms` is how long a client may keep it, for the results that revisions with an envelope keep."""
    if request.enveloped:
        result = {**result, "resultType": "complete", "_meta": {SERVER_KEY: server}}
        if kept_ms is not None:
            result |= {"ttlMs": kept_ms, "cacheScope": "private"}
    return {"jsonrpc": "2.0", "id": request.id, "result": result}


def error_of(request_id: str | int | None, error: RpcError) -> Json:
    """The answer that tells of an error."""
    shown: Json = {"code": error.code, "message": error.message}
    return {"jsonrpc": "2.0", "id": request_id, "error": shown if error.data is None else shown | {"data": error.data}}


def status_of(error: RpcError) -> HTTPStatus:
    """The status that goes with an error."""
    return _STATUS.get(error.code, HTTPStatus.BAD_REQUEST)
