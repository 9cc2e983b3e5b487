"""Operations on accounts and switches, for admins."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

from api.domain.auth.access import Role
from api.domain.runs.run import Platform
from api.rendering import people as render_people
from api.rendering.runs import page
from api.services.auth import people
from api.specfirst import request_context
from api.specfirst.responses import audit
from api.specfirst.responses.audit import AuditEvent, audited
from api.storage.auth import accounts
from api.storage.database import transact
from api.storage.runs import leases


def list_users(limit: int, offset: int) -> dict[str, Any]:
    """List accounts."""
    return page(accounts.list_account_page(limit=limit, offset=offset), render_people.account)


def get_user(user_id: int) -> dict[str, Any]:
    """Show an account."""
    return render_people.account(accounts.load_account(user_id))


def update_user(user_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Change an account's role, or lock it out or let it in."""
    role = Role(body["role"]) if "role" in body else None
    with ExitStack() as recorded:
        for event, detail in _events(role, body.get("disabled")):
            recorded.enter_context(audited(event, audit.user(user_id))).detail = detail
        changed = people.change_account(user_id, role, body.get("disabled"), request_context.caller(), request_context.now())
    return render_people.account(changed.account)


def _events(role: Role | None, disabled: bool | None) -> Iterator[tuple[AuditEvent, str | None]]:
    if role is not None:
        yield AuditEvent.ROLE_CHANGED, f"to {role.value}"
    if disabled is not None:
        yield AuditEvent.ACCOUNT_DISABLED if disabled else AuditEvent.ACCOUNT_ENABLED, None


def list_maintenance() -> dict[str, Any]:
    """Tell which platforms are under maintenance."""
    return {"data": [render_people.maintenance(each.value, leases.in_maintenance(each)) for each in Platform]}


def set_maintenance(platform: str, body: dict[str, Any]) -> dict[str, Any]:
    """Put a platform under maintenance, or take it out."""
    with audited(AuditEvent.MAINTENANCE_CHANGED, f"platform:{platform}") as deed:
        deed.detail = "disabled" if body["disabled"] else "enabled"
        transact(partial(leases.record_maintenance, Platform(platform), body["disabled"]))
    return render_people.maintenance(platform, body["disabled"])
