"""Operations on accounts, as the Sample Platform has them."""
from __future__ import annotations

from typing import Any

from api.domain.page import slice_page
from api.rendering.platform import system as render
from api.rendering.platform.runs import page
from api.storage.auth.accounts import list_accounts, load_account

Json = dict[str, Any]


def platform_list_users(limit: int, offset: int) -> Json:
    """List all accounts."""
    return page(slice_page(list_accounts(), limit, offset), render.user)


def platform_get_user(user_id: int) -> Json:
    """Show an account."""
    return render.user(load_account(user_id))
