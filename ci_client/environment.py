"""Reads the client's environment variables."""
from __future__ import annotations

import os
from collections.abc import Mapping

from ci_client.errors import CiError

DEFAULT_SERVER = "http://localhost:8000"


def server_of(environ: Mapping[str, str] = os.environ) -> str:
    """CI_SERVER, or CI_SERVER_URL as earlier clients call it, or a server on this machine."""
    return environ.get("CI_SERVER") or environ.get("CI_SERVER_URL") or DEFAULT_SERVER


def token_of(environ: Mapping[str, str] = os.environ) -> str | None:
    """CI_TOKEN; None where there is none."""
    return environ.get("CI_TOKEN") or None


def checked_token(token: str | None) -> str | None:
    """The token without what surrounds it in a file. Raises CiError for what no header can carry; the token is not in the text."""
    stripped = (token or "").strip()
    if not all("!" <= character <= "~" for character in stripped):
        raise CiError("The token has characters that no token has. Set CI_TOKEN to the token alone.")
    return stripped or None


def environment_for_git(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without what a calling git left in it: a hook's GIT_DIR would lead to another repository."""
    return {name: value for name, value in environ.items() if not name.startswith("GIT_")}
