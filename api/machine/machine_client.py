"""A machine's side of the machines' protocol."""
from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from api.domain.errors import StoreFull
from api.domain.runs.machine import TOKEN_PREFIX, ClaimState

BASE = "/machine-api/v1"
# How much longer than it was asked to a server may take to answer, in seconds.
PATIENCE = 30.0
# How long files may take to be taken, reports, which are short, and renewals, which are due again soon.
TIMEOUT, REPORT_TIMEOUT, RENEW_TIMEOUT = httpx.Timeout(30, read=120, write=120), 30.0, 10.0
# A request that did not come in time, or one too many.
TRANSIENT = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
PIECE = 1 << 20
BYTES = {"Content-Type": "application/octet-stream"}
_TOKEN = re.compile(TOKEN_PREFIX + "[A-Za-z0-9_-]{1,200}")


class ServerUnavailable(Exception):
    """The server does not answer, or not now; the request may be repeated: after `retry_after` seconds, where the server says so.

    `is_full`: its disk is full.
    """

    def __init__(self, said: str, *, retry_after: float | None = None, is_full: bool = False) -> None:
        super().__init__(said)
        self.retry_after, self.is_full = retry_after, is_full


class TokenRefused(Exception):
    """The server does not know the token."""


class Refused(Exception):
    """The server will not do what was asked, whenever it is asked."""


class NotThere(Refused):
    """There is no such claim of this machine, or no such file of it."""


class MachineClient:
    """Requests of one machine. The token's file is read for each of them, so that the token can be changed at any time."""

    def __init__(self, http: httpx.Client, server: str, token_file: Path) -> None:
        self._http, self._base, self._token_file = http, f"{server}{BASE}", token_file
        # How long the server would have this machine wait between two reports of one kind: renewals, results, and logs.
        self.report_seconds = 0.0

    def identify(self) -> Mapping[str, Any]:
        """Who this machine is."""
        return self._json("GET", "/machine", "name", "kinds", "platform", "lease_seconds")

    def claim(self, session: str, holding: Iterable[str], wait: int, *, kinds: Iterable[str] = ("run",)) -> Mapping[str, Any] | None:
        """The next work of these kinds; None where there was none for so many seconds."""
        body = {"session": session, "kinds": list(kinds), "holding": list(holding), "wait": wait}
        found: Mapping[str, Any] | None = self._json("POST", "/claims", "work", json=body, timeout=wait + PATIENCE)["work"]
        return found

    def renew(self, claims: Iterable[str], timeout: float = RENEW_TIMEOUT, **more: Any) -> tuple[dict[str, ClaimState], float]:
        """Renew claims, and say more of the machine. How each stands, and for how many seconds those hold that are held."""
        names = list(claims)
        answer = self._json("POST", "/claims/renew", "claims", "lease_seconds", json={"claims": names, **more}, timeout=timeout)
        with understood():
            states = {each["claim"]: ClaimState(each["state"]) for each in answer["claims"]}
            lease = float(answer["lease_seconds"])
            # A server of before does not say it; and whatever one says, claims are renewed in time.
            self.report_seconds = min(max(0.0, answer.get("report_seconds", 0.0)), lease / 4)
            return {name: states[name] for name in names}, lease

    def end(self, claim: str, body: Mapping[str, Any]) -> None:
        """End a claim."""
        self._tell("PUT", f"/claims/{claim}/end", json=body)

    def report_progress(self, claim: str, body: Mapping[str, Any]) -> None:
        """Say how far a claimed run is."""
        self._tell("PUT", f"/claims/{claim}/progress", json=body, timeout=REPORT_TIMEOUT)

    def report_results(self, claim: str, results: Iterable[Mapping[str, Any]]) -> None:
        """Say what tests of a claimed run came to."""
        self._tell("POST", f"/claims/{claim}/results", json={"results": list(results)}, timeout=REPORT_TIMEOUT)

    def send_file(self, claim: str, place: str, path: Path) -> None:
        """Send a file of a claimed run."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            headers = BYTES | {"Content-Length": str(size)}
            self._tell("PUT", f"/claims/{claim}/{place}", content=pieces(file, size), headers=headers)

    def append_log(self, claim: str, offset: int, chunk: bytes) -> tuple[int, ClaimState]:
        """Append to a log; how long it is then, whatever was sent, and how the claim stands."""
        response = self._send("PUT", f"/claims/{claim}/log", content=chunk, headers=BYTES, params={"start": offset}, timeout=REPORT_TIMEOUT)
        with understood():
            if response.status_code == httpx.codes.CONFLICT:
                return int(response.json()["details"]["size"]), ClaimState.HELD
            require(response)
            found = response.json()
            return int(found["size"]), ClaimState(found["state"])

    def tests(self, claim: str) -> list[Mapping[str, Any]]:
        """The regression tests of a claimed run."""
        found: list[Mapping[str, Any]] = self._json("GET", f"/claims/{claim}/tests", "tests")["tests"]
        return found

    def executable(self, claim: str) -> Mapping[str, Any]:
        """The executable of a claimed run, or why there is none."""
        return self._json("GET", f"/claims/{claim}/executable", "file", "error")

    def open(self, claim: str, sha256: str, start: int) -> AbstractContextManager[httpx.Response]:
        """A file of a claimed run, from this byte on, as it comes. Its status is still to be looked at."""
        headers = self._headers() | ({"Range": f"bytes={start}-"} if start else {})
        return self._http.stream("GET", f"{self._base}/claims/{claim}/files/{sha256}", headers=headers)

    def _json(self, method: str, path: str, *names: str, **options: Any) -> Mapping[str, Any]:
        """What the server answers, which has members of these names."""
        response = self._send(method, path, **options)
        require(response)
        with understood():
            found: Mapping[str, Any] = response.json()
            return {**found, **{name: found[name] for name in names}}

    def _tell(self, method: str, path: str, **options: Any) -> None:
        """Have the server take something, to which it answers nothing."""
        response = self._send(method, path, **options)
        require(response)
        if response.status_code != httpx.codes.NO_CONTENT:
            raise ServerUnavailable(_said(response))

    def _send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        """The answer, whatever its status. Raises ServerUnavailable where there is none."""
        try:
            return self._http.request(method, self._base + path, headers={**self._headers(), **(headers or {})}, **options)
        except httpx.RequestError as fault:
            raise ServerUnavailable(str(fault) or type(fault).__name__) from fault

    def _headers(self) -> dict[str, str]:
        try:
            token = self._token_file.read_text(encoding="utf-8", errors="replace").strip()
        except OSError as fault:
            raise TokenRefused(f"the token's file cannot be read: {fault.strerror}") from fault
        if _TOKEN.fullmatch(token) is None:
            raise TokenRefused("the token's file holds no machine's token")
        return {"Authorization": f"Bearer {token}"}


def require(response: httpx.Response) -> None:
    """Raise what an answer that is no success means. What is no refusal of the server's own says nothing: it is a proxy's."""
    if response.is_success:
        return
    said = _said(response)
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise TokenRefused("the server does not know the token")
    if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        raise Refused(said)
    refusal = _refusal(response)
    if response.status_code in TRANSIENT or response.status_code >= 500 or "code" not in refusal:
        raise ServerUnavailable(said, retry_after=retry_after(response.headers), is_full=_is_full(refusal))
    raise NotThere(said) if response.status_code == httpx.codes.NOT_FOUND else Refused(said)


def _said(response: httpx.Response) -> str:
    return f"the server answered with status {response.status_code}"


def _refusal(response: httpx.Response) -> Mapping[str, Any]:
    """What a refusal says; nothing where it is not in the server's form."""
    try:
        response.read()
        found = response.json()
    except (ValueError, httpx.RequestError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_full(refusal: Mapping[str, Any]) -> bool:
    details = refusal.get("details")
    return isinstance(details, dict) and details.get("reason") == StoreFull.REASON


@contextmanager
def understood() -> Iterator[None]:
    """Raise ServerUnavailable where an answer is not as the server's are, such as the page of a proxy."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as strange:
        raise ServerUnavailable("the answer is none of the server's") from strange


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header; None where it is missing or malformed.

    A date is compared with the server's own clock (`Date`) where that is sent.
    """
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(asked) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The first bytes of a file, as many as these."""
    while size > 0 and (piece := file.read(min(PIECE, size))):
        size -= len(piece)
        yield piece


def http_client() -> httpx.Client:
    """A client for the server alone. Proxies of the environment are not used, since requests carry secrets."""
    # These libraries log each request.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False)
