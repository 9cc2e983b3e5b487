"""Accounts and switches as JSON."""
from __future__ import annotations

from typing import Any

from api.domain.display_bounds import cut, cut_optional, shown_email
from api.rendering.runs import marked
from api.storage.auth.accounts import Account

Json = dict[str, Any]


def account(found: Account) -> Json:
    """An account, without its secrets."""
    stored = {"name": found.name, "email": found.email, "github_login": found.github_login}
    shown = {
        "name": cut(found.name, 100), "email": shown_email(found.email, found.user_id),
        "github_login": cut_optional(found.github_login, 100)}
    return marked(stored, shown) | {
        "user_id": found.user_id, "role": None if found.role is None else found.role.value, "disabled": found.disabled}


def maintenance(platform: str, disabled: bool) -> Json:
    """Whether runs of a platform may be started."""
    return {"platform": platform, "disabled": disabled}
