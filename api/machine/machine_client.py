"""A machine's side of the machines' protocol."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx

from api.domain.runs.machine import TOKEN_PREFIX

BASE = "/machine-api/v1"
# How much longer than it was asked to a server may take to answer, in seconds.
PATIENCE = 30.0
# What a network does that is slow or breaks off in a body, and what too many requests do.
NOT_NOW = httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS
_TOKEN = re.compile(TOKEN_PREFIX + "[A-Za-z0-9_-]{1,200}")


class ServerUnavailable(Exception):
    """The server does not answer, or not now; the request may be repeated."""


class TokenRefused(Exception):
    """The server does not know the token."""


class Refused(Exception):
    """The server will not do what was asked, whenever it is asked."""


class MachineClient:
    """Requests of one machine. The token's file is read for each of them, so that the token can be changed at any time."""

    def __init__(self, http: httpx.Client, server: str, token_file: Path) -> None:
        self._http, self._base, self._token_file = http, f"{server}{BASE}", token_file

    def identify(self) -> Mapping[str, Any]:
        """Who this machine is."""
        found: Mapping[str, Any] = self._json("GET", "/machine")
        return found

    def claim(self, session: str, holding: Iterable[str], wait: int, *, kinds: Iterable[str] = ("run",)) -> Mapping[str, Any] | None:
        """The next work of these kinds; None where there was none for so many seconds."""
        body = {"session": session, "kinds": list(kinds), "holding": list(holding), "wait": wait}
        found: Mapping[str, Any] | None = self._json("POST", "/claims", json=body, timeout=wait + PATIENCE)["work"]
        return found

    def renew(self, claims: Iterable[str], timeout: float) -> dict[str, str]:
        """The state of each claim, which holds for another lease where it is held. An answer is waited for for so many seconds."""
        answer = self._json("POST", "/claims/renew", json={"claims": list(claims)}, timeout=timeout)
        return {each["claim"]: each["state"] for each in answer["claims"]}

    def end(self, claim: str, failure: str | None, *, is_lost: bool) -> None:
        """End a claim."""
        self._ask("PUT", f"/claims/{claim}/end", json={"failure": failure, "is_lost": is_lost})

    def tests(self, claim: str) -> list[Mapping[str, Any]]:
        """The regression tests of a claimed run."""
        found: list[Mapping[str, Any]] = self._json("GET", f"/claims/{claim}/tests")["tests"]
        return found

    def executable(self, claim: str) -> Mapping[str, Any]:
        """The executable of a claimed run, or why there is none."""
        found: Mapping[str, Any] = self._json("GET", f"/claims/{claim}/executable")
        return found

    def open(self, claim: str, sha256: str, start: int) -> AbstractContextManager[httpx.Response]:
        """A file of a claimed run, from this byte on, as it comes. Its status is still to be looked at."""
        headers = self._headers() | ({"Range": f"bytes={start}-"} if start else {})
        return self._http.stream("GET", f"{self._base}/claims/{claim}/files/{sha256}", headers=headers)

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return self._ask(method, path, **options).json()

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, self._base + path, headers=self._headers(), **options)
        except httpx.TransportError as fault:
            raise ServerUnavailable(str(fault) or type(fault).__name__) from fault
        require(response)
        return response

    def _headers(self) -> dict[str, str]:
        try:
            token = self._token_file.read_text(encoding="utf-8", errors="replace").strip()
        except OSError as fault:
            raise TokenRefused(f"the token's file cannot be read: {fault.strerror}") from fault
        if _TOKEN.fullmatch(token) is None:
            raise TokenRefused("the token's file holds no machine's token")
        return {"Authorization": f"Bearer {token}"}


def require(response: httpx.Response) -> None:
    """Raise what an answer that is no success means."""
    if response.is_success:
        return
    said = f"the server answered with status {response.status_code}"
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise TokenRefused("the server does not know the token")
    if response.status_code in NOT_NOW or response.status_code >= 500:
        raise ServerUnavailable(said)
    raise Refused(said)
