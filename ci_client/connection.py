"""HTTP requests to one server: with the token, retries when the server asks for them, and readable errors."""
from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Any

import httpx

from ci_client.credentials import credentials_file, stored_token
from ci_client.environment import checked_token, token_of
from ci_client.errors import CiError, Refused, Unreachable, printable
from ci_client.retry_delay import RetryPolicy

ANSWER_SECONDS = 60.0
CONNECT_SECONDS = 10.0
MAX_REFUSAL_LENGTH = 64 * 1024
WRONG_TOKEN = "Is the token right, and still valid?"
NO_TOKEN = "Log in with `ci login`, set CI_TOKEN to a token, or name a file that holds it by --token-file."
Notice = Callable[[str], None]


class Connection:
    """Sends requests to one server with a token: the one given, else CI_TOKEN, else the one of `ci login`.

    Messages for people go to `notice`.
    """

    def __init__(
        self, server_url: str, token: str | None = None, *, retries: RetryPolicy | None = None, notice: Notice | None = None,
        anonymous: bool = False,
    ) -> None:
        self.retries = retries or RetryPolicy()
        self.notice: Notice = notice or (lambda text: None)
        self.server_url = checked_url(server_url)
        self._has_token = False
        headers = {"Accept-Encoding": "identity", "User-Agent": "ci-client"}
        if not anonymous and (found := checked_token(token or token_of() or stored_token(self.server_url, credentials_file()))):
            headers["Authorization"] = f"Bearer {found}"
            self._has_token = True
        self._client = httpx.Client(base_url=self.server_url, headers=headers)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def ask(self, method: str, path: str, **content: Any) -> Any:
        """Request JSON. Raises Refused, Unreachable."""
        return self.read_json(self.open(method, path, **content))

    def read_json(self, response: httpx.Response) -> Any:
        """Read a JSON response and close it. Raises Unreachable."""
        try:
            return json.loads(response.read())
        except httpx.RequestError as broken:
            raise Unreachable(f"The answer of {self.server_url} broke off.") from broken
        except ValueError as wrong:
            raise Unreachable(f"{self.server_url} does not answer like a job service: its answer is not JSON.") from wrong
        finally:
            response.close()

    def open(self, method: str, path: str, *, read_seconds: float = ANSWER_SECONDS, **content: Any) -> httpx.Response:
        """Open a streamed response; the caller closes it. Raises Refused, Unreachable."""
        waited = 0.0
        while True:
            response = self._send(method, path, read_seconds, content)
            if response.is_success:
                return response
            refused = read_refusal(response, has_token=self._has_token)
            if refused.status != HTTPStatus.TOO_MANY_REQUESTS or refused.retry_after is None:
                raise refused
            # Even if the server always says "retry at once", there is a pause and an end.
            pause = max(refused.retry_after, 1.0)
            if waited + pause > self.retries.give_up_after:
                raise refused
            self.notice(f"Too many requests; the server asks to wait {pause:.0f} seconds.")
            self.retries.sleep(pause)
            waited += pause

    def _send(self, method: str, path: str, read_seconds: float, content: dict[str, Any]) -> httpx.Response:
        timeout = httpx.Timeout(read_seconds, connect=CONNECT_SECONDS)
        request = self._client.build_request(method, path, timeout=timeout, **content)
        try:
            return self._client.send(request, stream=True)
        except httpx.ConnectError as broken:
            raise Unreachable(f"{self.server_url} cannot be reached. Is the server running, and CI_SERVER right?") from broken
        except httpx.RequestError as broken:
            raise Unreachable(f"{self.server_url} gave no answer: the connection broke, or it took too long.") from broken


def checked_url(server_url: str) -> str:
    """The server's address without a last slash. Raises CiError for what is none."""
    try:
        url = httpx.URL(server_url)
    except httpx.InvalidURL as wrong:
        raise CiError("The server's address cannot be read.") from wrong
    if url.scheme not in ("http", "https") or not url.host:
        raise CiError("The server's address must begin with http:// or https://.")
    if url.userinfo:
        raise CiError("No password belongs in the server's address; set CI_TOKEN.")
    return server_url.rstrip("/")


def read_refusal(response: httpx.Response, *, has_token: bool) -> Refused:
    """Turn an error response into a readable Refused, and close it."""
    content = _beginning(response)
    code, message = printable(str(content.get("code", ""))), content.get("message")
    details = content.get("details")
    details = details if isinstance(details, dict) else {}
    known = f" {HTTPStatus(response.status_code).phrase}" if response.status_code in HTTPStatus._value2member_map_ else ""
    lines = [printable(message) if isinstance(message, str) and message else f"The server answered {response.status_code}{known}."]
    fields = details.get("fields")
    lines += [f"  {printable(f'{name}: {wrong}')}" for name, wrong in fields.items()] if isinstance(fields, dict) else []
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        lines.append(WRONG_TOKEN if has_token else NO_TOKEN)
    elif isinstance(details.get("remedy"), str):
        lines.append(printable(details["remedy"]))
    if isinstance(details.get("request_id"), str):
        lines.append(f"(Request {printable(details['request_id'])})")
    return Refused("\n".join(lines), status=response.status_code, code=code, retry_after=_retry_after(response))


def _beginning(response: httpx.Response) -> dict[str, Any]:
    read = b""
    try:
        for piece in response.iter_bytes():
            read += piece
            if len(read) > MAX_REFUSAL_LENGTH:
                break
        content = json.loads(read)
    except (httpx.RequestError, ValueError, RecursionError):
        return {}
    finally:
        response.close()
    return content if isinstance(content, dict) else {}


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
