"""Operations on machines and their tokens, for admins."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.random_source import RandomSource
from api.domain.runs.machine import SECRET_BYTES, Machine, WorkKind, machine_token
from api.domain.runs.run import Platform
from api.rendering import machines as render_machines
from api.rendering.runs import page
from api.services.runs import machine_access
from api.specfirst import request_context
from api.specfirst.responses import audit
from api.specfirst.responses.audit import AuditEvent, audited


def list_machines(limit: int, offset: int) -> dict[str, Any]:
    """List machines, with what they execute."""
    return page(machine_access.list_machine_page(limit=limit, offset=offset), render_machines.registered)


def create_machine(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Add a machine, and show its token."""
    kinds = tuple(kind for kind in WorkKind if kind in body["kinds"])
    machine, token = Machine(body["name"], kinds, Platform(body["platform"]), request_context.now()), _new_token()
    with audited(AuditEvent.TOKEN_ISSUED, audit.machine(machine.name)):
        machine_access.add_machine(machine, token)
    return render_machines.issued(machine.name, token), HTTPStatus.CREATED


def rotate_machine_token(machine_name: str) -> dict[str, Any]:
    """Give a machine another token, and show it."""
    token = _new_token()
    with audited(AuditEvent.TOKEN_ISSUED, audit.machine(machine_name)):
        machine_access.rotate_token(machine_name, token)
    return render_machines.issued(machine_name, token)


def delete_machine(machine_name: str) -> tuple[None, int]:
    """End a machine's tokens."""
    with audited(AuditEvent.TOKEN_REVOKED, audit.machine(machine_name)):
        machine_access.remove_machine(machine_name)
    return None, HTTPStatus.NO_CONTENT


def _new_token() -> str:
    return machine_token(request_context.collaborator(RandomSource).random_bytes(SECRET_BYTES))
