"""Machines of the tests' server, and what they ask of it."""
from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import Any

from api.domain.auth.token import token_digest
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.machine import Machine, WorkKind, machine_token
from api.domain.runs.run import Platform
from api.storage.database import transact
from api.storage.runs.machines import add_machine
from tests.builders import NOW
from tests.handlers.site import Client, Site

API = "/machine-api/v1"
SESSION = "550e8400-e29b-41d4-a716-446655440000"
BYTES = {"Content-Type": "application/octet-stream"}


def enrol(site: Site, name: str = "linux-1", kinds: tuple[WorkKind, ...] = (WorkKind.RUN,), platform: Platform = Platform.LINUX) -> Client:
    """A client with the token of a new machine."""
    token = machine_token(sha256(name.encode()).digest())
    transact(partial(add_machine, Machine(name, kinds, platform, NOW), token_digest(token)))
    return site.client.as_(token)


def claim(machine: Client, *holding: str, session: str = SESSION) -> dict[str, Any] | None:
    """The run that a machine claims, if there is one."""
    answer = machine.post(f"{API}/claims", json={"session": session, "holding": list(holding)})
    assert answer.status_code == 200, answer.text
    work: dict[str, Any] | None = answer.json()["work"]
    return work


def claimed(machine: Client) -> str:
    """The path of a machine's claim on the next run, which must be there."""
    work = claim(machine)
    assert work is not None
    return f"{API}/claims/{work['claim']}"


def append(machine: Client, path: str, content: bytes, start: int = 0) -> tuple[int, Any]:
    """Append to the log of a claim: the status, and how long the log is and how the claim stands, or what is wrong."""
    answer = machine.put(f"{path}/log", content=content, headers=BYTES, params={"start": start})
    body = answer.json()
    return answer.status_code, (body["size"], body["state"]) if answer.status_code == 200 else body["details"]


def ending(regression_id: int, *equal: int, exit_code: int = 0) -> dict[str, Any]:
    """The result of a test whose program ended."""
    return {
        "regression_id": regression_id, "ending": {"exit_code": exit_code, "runtime_ms": 5, "equal_outputs": [*equal]}, "error": None}


def lacking(regression_id: int, message: str = "The sample is not in the store.", code: str = "SAMPLE_MISSING") -> dict[str, Any]:
    """The result of a test that could not be executed."""
    return {"regression_id": regression_id, "ending": None, "error": _error(code, message)}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"type": InfrastructureCode[code].type.value, "code": code, "message": message}


def end(outcome: str = "completed", message: str | None = None, code: str = "WORKER_FAILED") -> dict[str, Any]:
    """The end of a claim."""
    return {"run": {"outcome": outcome, "error": None if message is None else _error(code, message)}}
