"""A test client that holds every answer against the documents, and fails where one is not as promised."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from starlette.testclient import TestClient

from contract.conformance import Conformance
from contract.documents import Document, load_documents


class ValidatingClient:
    """Speaks to an ASGI application; each answer that breaks the contract is an AssertionError."""

    def __init__(
        self,
        app: Any,
        *,
        token: str | None = None,
        documents: Iterable[Document] | None = None,
        address: tuple[str, int] = ("127.0.0.1", 50000),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        # A crash is to be seen as the client sees it, and a redirect is never followed, since there is none.
        self._http = TestClient(app, raise_server_exceptions=False, follow_redirects=False, client=address)
        self._conformance = Conformance(load_documents() if documents is None else documents)
        self._headers = {**_bearer(token), **(headers or {})}

    def as_(self, token: str | None) -> Self:
        """The same client with this bearer token, or without any."""
        return self._with({**{name: value for name, value in self._headers.items() if name != "Authorization"}, **_bearer(token)})

    def with_headers(self, **headers: str) -> Self:
        """The same client with these headers on each request; an underscore in a name stands for a hyphen."""
        return self._with({**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}})

    def _with(self, headers: Mapping[str, str]) -> Self:
        other = object.__new__(type(self))
        other._http, other._conformance, other._headers = self._http, self._conformance, dict(headers)
        return other

    def request(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **rest: Any) -> Any:
        """Send a request as httpx takes it; return the answer if it keeps the contract."""
        response = self._http.request(method, url, headers={**self._headers, **(headers or {})}, **rest)
        self._conformance.check(method, response.request.url.path, response)
        return response

    def get(self, url: str, **rest: Any) -> Any:
        """Send a GET."""
        return self.request("GET", url, **rest)

    def head(self, url: str, **rest: Any) -> Any:
        """Send a HEAD."""
        return self.request("HEAD", url, **rest)

    def options(self, url: str, **rest: Any) -> Any:
        """Send an OPTIONS."""
        return self.request("OPTIONS", url, **rest)

    def post(self, url: str, **rest: Any) -> Any:
        """Send a POST."""
        return self.request("POST", url, **rest)

    def put(self, url: str, **rest: Any) -> Any:
        """Send a PUT."""
        return self.request("PUT", url, **rest)

    def patch(self, url: str, **rest: Any) -> Any:
        """Send a PATCH."""
        return self.request("PATCH", url, **rest)

    def delete(self, url: str, **rest: Any) -> Any:
        """Send a DELETE."""
        return self.request("DELETE", url, **rest)

    def __enter__(self) -> Self:
        """Start the application's lifespan."""
        self._http.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End it."""
        self._http.__exit__(kind, error, trace)


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}
