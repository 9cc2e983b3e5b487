"""Operations on the platform's switches: maintenance, blocked accounts, endings of files that are not taken."""
from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from api.handlers.auth import accounts
from api.rendering.platform import system as render
from api.rendering.platform.runs import page
from api.specfirst.responses.audit import AuditEvent, audited
from api.storage import switches
from api.storage.database import transact

Json = dict[str, Any]


def platform_set_maintenance(platform: str, body: Json) -> Json:
    """Have the runs of a platform wait, or start them again."""
    changed = accounts.set_maintenance(platform, body)
    return {"platform": platform, "disabled": changed["disabled"]}


def platform_block_user(body: Json) -> tuple[Json, int]:
    """Block a GitHub account."""
    with audited(AuditEvent.USER_BLOCKED, f"github:{body['user_id']}"):
        transact(partial(switches.block_user, body["user_id"], body["comment"]))
    return render.blocked_user(body["user_id"], body["comment"]), HTTPStatus.CREATED


def platform_unblock_user(user_id: int) -> Json:
    """Unblock a GitHub account."""
    with audited(AuditEvent.USER_UNBLOCKED, f"github:{user_id}"):
        transact(partial(switches.unblock_user, user_id))
    return {"user_id": user_id, "deleted": True}


def platform_list_forbidden_extensions(limit: int, offset: int) -> Json:
    """List the endings of files that are not taken."""
    return page(switches.list_forbidden_extensions(limit=limit, offset=offset), lambda extension: extension[:64])


def platform_forbid_extension(body: Json) -> tuple[Json, int]:
    """Take files of this ending no longer."""
    extension = body["extension"].lower()
    with audited(AuditEvent.EXTENSION_FORBIDDEN, f"extension:{extension}"):
        transact(partial(switches.forbid_extension, extension))
    return {"extension": extension}, HTTPStatus.CREATED


def platform_allow_extension(extension: str) -> Json:
    """Take files of this ending again."""
    wanted = extension.removeprefix(".").lower()
    with audited(AuditEvent.EXTENSION_ALLOWED, f"extension:{wanted}"):
        transact(partial(switches.allow_extension, wanted))
    return {"extension": wanted, "deleted": True}
