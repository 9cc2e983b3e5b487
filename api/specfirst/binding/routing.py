"""The route table, for the operations of all documents and the static pages."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from api.specfirst.access.security import is_for_machines
from api.specfirst.binding.documents import OperationText
from api.specfirst.responses.static_pages import Page

# An id has one spelling: no sign but a minus, no leading zero, and never so long that it is slow to read.
_INTEGER = r"-?(?:0|[1-9][0-9]{0,17})"
_PARAMETER = re.compile(r"\{([^{}]*)\}")
_ENCODED_SLASH = re.compile(rb"%2f", re.IGNORECASE)


@dataclass(frozen=True)
class Operation:
    """What the middlewares need to know of an operation before the request is validated.

    `document` is the name of the document that it is of. `cookie` is the name of the cookie with the session of a page's reader; None
    for an operation that takes tokens: those of machines if it is `for_machines`. If `is_public`, a server with public results shows the
    page to everybody.
    """

    operation_id: str
    base_path: str
    method: str
    secured: bool
    bucket: str | None
    text_errors: bool
    document: str = field(default="", kw_only=True)
    cookie: str | None = field(default=None, kw_only=True)
    is_public: bool = field(default=False, kw_only=True)
    takes_metrics_token: bool = field(default=False, kw_only=True)
    local: bool = field(default=False, kw_only=True)
    for_machines: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Endpoint(Operation):
    """An ASGI application at a path that belongs to no document. Its rate is limited like an operation's."""

    path: str
    serve: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self.serve(scope, receive, send)


@dataclass(frozen=True)
class Route:
    """A path template and its targets by method, in upper case."""

    template: str
    pattern: re.Pattern[str] | None
    integers: frozenset[str]
    targets: Mapping[str, Operation | Page]
    takes_slashes: bool = False


@dataclass(frozen=True)
class Match:
    """The routes that match a path, each with the path's parameters."""

    routes: tuple[tuple[Route, Mapping[str, Any]], ...]

    @property
    def template(self) -> str | None:
        """The template of the first route, which contains nothing that a client sent; None if no route matches."""
        return self.routes[0][0].template if self.routes else None

    @property
    def methods(self) -> frozenset[str]:
        """All methods that the path allows. GET implies HEAD."""
        found = {method for route, _ in self.routes for method in route.targets}
        return frozenset(found | ({"HEAD"} if "GET" in found else set()))

    def target(self, method: str) -> tuple[Operation | Page, Mapping[str, Any]] | None:
        """Find the operation or page for a method, with the path's parameters. HEAD finds that of GET. Returns None if there is none."""
        for wanted in (method, "GET") if method == "HEAD" else (method,):
            for route, parameters in self.routes:
                if wanted in route.targets:
                    return route.targets[wanted], parameters
        return None


class Routes:
    """The table of routes. A template without parameters takes precedence over one with parameters."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._literal: dict[str, list[Route]] = {}
        self._patterns: dict[int, list[Route]] = {}
        self._open: list[Route] = []
        self.templates: set[str] = set()
        for route in routes:
            self.templates.add(route.template)
            if route.pattern is None:
                self._literal.setdefault(route.template, []).append(route)
            elif route.takes_slashes:
                self._open.append(route)
            else:
                self._patterns.setdefault(route.template.count("/"), []).append(route)

    def match(self, path: str, raw_path: bytes) -> Match:
        """Find the routes of a path. An encoded slash (%2F) matches only inside a parameter that may contain slashes."""
        if not _ENCODED_SLASH.search(raw_path):
            if path in self._literal:
                return Match(tuple((route, {}) for route in self._literal[path]))
            found = tuple(self._by_pattern(path, self._patterns.get(path.count("/"), ())))
            if found:
                return Match(found)
        return Match(tuple(self._by_pattern(path, [route for route in self._open if _separates(route, raw_path)])))

    @staticmethod
    def _by_pattern(path: str, routes: Iterable[Route]) -> Iterable[tuple[Route, Mapping[str, Any]]]:
        for route in routes:
            found = route.pattern.fullmatch(path) if route.pattern else None
            if found:
                yield route, {name: int(text) if name in route.integers else text for name, text in found.groupdict().items()}


def _separates(route: Route, raw_path: bytes) -> bool:
    """Whether the raw path has no encoded slash before its last parameter, which may contain slashes."""
    return not any(_ENCODED_SLASH.search(part) for part in raw_path.split(b"/", route.template.count("/"))[:-1])


def routes_of(
    operations: Iterable[OperationText], contents: Mapping[str, Mapping[str, Any]], pages: Sequence[Page],
    endpoints: Sequence[Endpoint] = (),
) -> Routes:
    """Make the table of these operations, pages and endpoints. `contents` has the documents' contents by name."""
    targets: dict[tuple[str, str], dict[str, Operation | Page]] = {}
    integers: dict[str, frozenset[str]] = {}
    slashes: dict[str, str | None] = {}
    for text in operations:
        template = text.document.base_path + text.path
        content = contents[text.document.name]
        targets.setdefault((text.document.name, template), {})[text.method.upper()] = _operation(text, content)
        integers[template] = integers.get(template, frozenset()) | _integers(text, content)
        slashes[template] = slashes.get(template) or _with_slashes(text, content)
    for page in pages:
        targets[("", page.path)] = {"GET": page}
    for endpoint in endpoints:
        targets[("", endpoint.path)] = {endpoint.method: endpoint}
    return Routes(
        Route(
            template, _pattern(template, integers.get(template, frozenset()), slashes.get(template)),
            integers.get(template, frozenset()), found, bool(slashes.get(template)))
        for (_, template), found in targets.items())


def _operation(text: OperationText, content: Mapping[str, Any]) -> Operation:
    return Operation(
        operation_id=text.operation_id,
        base_path=text.document.base_path,
        method=text.method.upper(),
        secured=bool(text.text.get("security", content.get("security"))),
        bucket=text.text.get("x-rate-bucket"),
        text_errors=_speaks_text(text, content),
        document=text.document.name,
        cookie=_session_cookie(content),
        is_public=bool(text.text.get("x-public-results")),
        takes_metrics_token=bool(text.text.get("x-metrics-token")),
        local=bool(text.text.get("x-local-anonymous")),
        for_machines=is_for_machines(text.text.get("security", content.get("security", ()))),
    )


def _session_cookie(content: Mapping[str, Any]) -> str | None:
    """The name of the cookie by which the document's operations know who asks; None if they take tokens."""
    schemes = content.get("components", {}).get("securitySchemes", {}).values()
    return next((str(scheme["name"]) for scheme in schemes if scheme.get("in") == "cookie"), None)


def _speaks_text(text: OperationText, content: Mapping[str, Any]) -> bool:
    """Whether the document declares the operation's refusals as plain text. Its clients are older than this API and read no JSON."""
    refusals = (response for status, response in text.text["responses"].items() if not str(status).startswith("2"))
    kinds = {kind for response in refusals for kind in resolved(response, content).get("content", {})}
    return bool(kinds) and all(kind.startswith("text/plain") for kind in kinds)


def _integers(text: OperationText, content: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        parameter["name"] for parameter in _path_parameters(text, content)
        if resolved(parameter["schema"], content).get("type") == "integer")


def _with_slashes(text: OperationText, content: Mapping[str, Any]) -> str | None:
    """The name of the path parameter that may contain slashes, which is the last one; None if there is none."""
    return next((parameter["name"] for parameter in _path_parameters(text, content) if parameter.get("x-slashes")), None)


def _path_parameters(text: OperationText, content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    shared = content["paths"][text.path].get("parameters", [])
    parameters = [resolved(parameter, content) for parameter in (*shared, *text.text.get("parameters", []))]
    return [parameter for parameter in parameters if parameter["in"] == "path"]


def resolved(node: Mapping[str, Any], content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow the $ref of a node within its document; a node without one is returned as it is."""
    while "$ref" in node:
        target: Any = content
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def _pattern(template: str, integers: frozenset[str], with_slashes: str | None) -> re.Pattern[str] | None:
    if "{" not in template:
        return None
    kinds = {each: _INTEGER for each in integers} | ({with_slashes: ".+"} if with_slashes else {})
    parts = _PARAMETER.split(template)
    written = [
        f"(?P<{part}>{kinds.get(part, '[^/]+')})" if position % 2 else re.escape(part) for position, part in enumerate(parts)]
    return re.compile("".join(written), re.DOTALL)
