"""Operations on accounts, as the Sample Platform has them."""
from __future__ import annotations

from typing import Any

from api.handlers.auth import accounts
from api.rendering.platform import system as render
from api.rendering.platform.runs import page
from api.services.auth import people as people_service
from api.specfirst import request_context
from api.specfirst.responses import audit
from api.specfirst.responses.audit import AuditEvent, audited
from api.storage.auth.accounts import list_account_page, load_account

Json = dict[str, Any]


def platform_update_user(user_id: int, body: Json) -> Json:
    """Change an account's role."""
    accounts.update_user(user_id, body)
    return render.user(load_account(user_id))


def platform_deactivate_user(user_id: int) -> Json:
    """Lock an account out, and end its tokens."""
    with audited(AuditEvent.ACCOUNT_DISABLED, audit.user(user_id)):
        changed = people_service.change_account(user_id, None, True, request_context.caller(), request_context.now())
    return {"user_id": user_id, "deactivated": True, "tokens_revoked": changed.revoked}


def platform_list_users(limit: int, offset: int) -> Json:
    """List all accounts."""
    return page(list_account_page(limit=limit, offset=offset), render.user)


def platform_get_user(user_id: int) -> Json:
    """Show an account."""
    return render.user(load_account(user_id))
