"""Logs in at a server, and out: gets a token, keeps it, ends it."""
from __future__ import annotations

import os
import re
import secrets
import socket
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ci_client.connection import Connection
from ci_client.credentials import forget_token, store_token
from ci_client.errors import Refused, Unreachable

TOKENS, ME, CURRENT = "/api/v1/auth/tokens", "/api/v1/auth/me", "/api/v1/auth/tokens/current"
# What the command needs: to submit and cancel jobs, and to read them.
SCOPES = ("runs:read", "runs:write")
DAYS = 90
_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]+")


@dataclass(frozen=True)
class Account:
    """Whose token is kept, and until when it is good; None where the server does not say."""

    email: str
    expires_at: str | None


def log_in(server_url: str, email: str, password: str, file: Path) -> Account:
    """Exchange a password for a token, and keep that. Raises CiError."""
    wanted = {"email": email, "password": password, "token_name": _token_name(), "expires_in_days": DAYS, "scopes": list(SCOPES)}
    # Whatever token there is, it has no part in this.
    with Connection(server_url, anonymous=True) as connection:
        told = connection.ask("POST", TOKENS, json=wanted)
        if not isinstance(told, dict) or not isinstance(told.get("token"), str):
            raise Unreachable(f"{connection.server_url} does not answer like a job service: there is no token.")
        store_token(connection.server_url, told["token"], file)
    return Account(email, _text(told.get("expires_at")))


def keep_token(server_url: str, token: str, file: Path) -> Account:
    """Keep a token that somebody has got already, once the server has taken it. Raises CiError."""
    with Connection(server_url, token) as connection:
        me = connection.ask("GET", ME)
        store_token(connection.server_url, token.strip(), file)
    told = me if isinstance(me, dict) else {}
    about = told.get("token")
    return Account(_text(told.get("email")) or "", _text(about.get("expires_at")) if isinstance(about, dict) else None)


def log_out(server_url: str, file: Path) -> None:
    """End the token for a server, and forget it, also where it was over already. Raises CiError."""
    with Connection(server_url) as connection:
        try:
            connection.open("DELETE", CURRENT).close()
        except Refused as refused:
            if refused.status != HTTPStatus.UNAUTHORIZED:
                raise
        forget_token(connection.server_url, file)


def _token_name() -> str:
    """A name that says where the token is used; no two tokens of an account may have the same."""
    host = _NO_NAME.sub("-", socket.gethostname())[:30].strip("-") or os.name
    return f"ci-{host}-{secrets.token_hex(4)}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
