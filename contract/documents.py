"""The project's OpenAPI documents, read with a plain loader: operations, their answers, and every schema in them."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent.parent / "api"
# What no program reads.
PAGES = "openapi-pages.yaml"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# The C parser reads a document ten times faster; a build of PyYAML without it still works.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What each event of a stream is. The stream's own `schema` is a text, since generators of clients would read it as one object.
EVENT = "x-event-schema"
BASE_PATHS = {
    "openapi-ci-api.yaml": "/api/v1", "openapi-platform-api.yaml": "/platform/api/v1", "openapi-machines.yaml": "/machine-api/v1"}
# Whose operations take tokens of machines, which have neither scopes nor a role.
MACHINES = "openapi-machines.yaml"


@dataclass(frozen=True)
class Response:
    """What a document says of one status of an operation."""

    status: str
    headers: Mapping[str, Mapping[str, Any]]
    content: Mapping[str, Mapping[str, Any]]

    @property
    def required_headers(self) -> set[str]:
        """The headers that the answer cannot lack."""
        return {name for name, header in self.headers.items() if header.get("required")}


@dataclass(frozen=True)
class Operation:
    """One method of one path of a document."""

    document: Document
    method: str
    path: str
    raw: Mapping[str, Any]

    @property
    def operation_id(self) -> str:
        """The operation's name, which is also that of its handler."""
        return str(self.raw.get("operationId", f"{self.method} {self.path}"))

    @property
    def handler(self) -> str:
        """The handler's dotted name."""
        return f"{self.raw['x-openapi-router-controller']}.{self.operation_id}"

    @property
    def full_path(self) -> str:
        """The path template as a client calls it, base path included."""
        return self.document.base_path.rstrip("/") + self.path

    @property
    def secured(self) -> bool:
        """Whether a token is needed."""
        return bool(self.raw.get("security", self.document.root.get("security")))

    @property
    def scope(self) -> str | None:
        """The scope that the token must have."""
        return self.raw.get("x-required-scope")

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of which the caller must have one; empty: any."""
        return tuple(self.raw.get("x-required-roles", ()))

    @property
    def role_exception(self) -> str | None:
        """The case in which the role does not matter."""
        return self.raw.get("x-role-exception")

    @cached_property
    def parameters(self) -> tuple[Mapping[str, Any], ...]:
        """All parameters, those of the path item included, references followed."""
        item = self.document.root["paths"][self.path]
        return tuple(self.document.resolve(each) for each in [*item.get("parameters", ()), *self.raw.get("parameters", ())])

    @cached_property
    def body(self) -> Mapping[str, Any] | None:
        """The request body, references followed; None where the operation takes none."""
        return self.document.resolve(self.raw["requestBody"]) if "requestBody" in self.raw else None

    @cached_property
    def responses(self) -> Mapping[str, Response]:
        """The declared answers by status, `default` included."""
        return {status: self._response(status, raw) for status, raw in self.raw["responses"].items()}

    def _response(self, status: str, raw: Mapping[str, Any]) -> Response:
        resolved = self.document.resolve(raw)
        headers = {name: self.document.resolve(header) for name, header in resolved.get("headers", {}).items()}
        return Response(status, headers, resolved.get("content", {}))


@dataclass(frozen=True, eq=False)
class Document:
    """One OpenAPI document, and where the server mounts it."""

    name: str
    base_path: str
    text: str

    @cached_property
    def root(self) -> Mapping[str, Any]:
        """The whole document as loaded; references stand in it as they are written."""
        root: Mapping[str, Any] = yaml.load(self.text, Loader=LOADER)
        return root

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """All operations, in the document's order."""
        return tuple(
            Operation(self, method, path, item[method])
            for path, item in self.root["paths"].items() for method in METHODS if method in item)

    def resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The node itself, or what its reference leads to within the document."""
        while "$ref" in node:
            found: Any = self.root
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def schemas(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every schema of the document once, named by where it stands; references are not followed."""
        for name, schema in self.root.get("components", {}).get("schemas", {}).items():
            yield from _nested(name, schema)
        for where, schema in _outermost(self.root, ""):
            yield from _nested(where, schema)


@cache
def load_documents() -> tuple[Document, ...]:
    """All documents that programs read, by name."""
    return tuple(
        Document(path.name, BASE_PATHS.get(path.name, "/"), path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("openapi-*.yaml")) if path.name != PAGES)


@cache
def load_pages() -> Document:
    """The document of the pages for people, which is not published."""
    return Document(PAGES, "/", (FOLDER / PAGES).read_text(encoding="utf-8"))


def _outermost(node: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The schemas of parameters, bodies, answers, headers and events: what stands under `schema` or `x-event-schema`."""
    if isinstance(node, list):
        for each in node:
            yield from _outermost(each, where)
    elif isinstance(node, Mapping):
        for key, child in node.items():
            if key in ("schema", EVENT):
                yield f"{where}/{node.get('name', '') if key == 'schema' else key}", child
            elif key not in ("example", "examples", "schemas"):
                yield from _outermost(child, f"{where}/{key}")


def _nested(where: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A schema and all that stand in it."""
    yield where, schema
    for name, child in schema.get("properties", {}).items():
        yield from _nested(f"{where}.{name}", child)
    for key in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(key), Mapping):
            yield from _nested(f"{where}.{key}", schema[key])
    for key in ("allOf", "anyOf", "oneOf"):
        for number, child in enumerate(schema.get(key, ())):
            yield from _nested(f"{where}.{key}[{number}]", child)
