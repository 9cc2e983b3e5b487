"""Loads the OpenAPI documents, lists their operations, and removes internal parts from what is published."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# The C parser reads a document ten times faster; a build of PyYAML without it still works.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_INTERNAL = frozenset({
    "x-apikeyInfoFunc", "x-bearerInfoFunc", "x-configured-roles", "x-max-body", "x-native-async", "x-openapi-router-controller",
    "x-public-results", "x-rate-bucket", "x-response-headers", "x-shows-runs", "x-slashes", "x-stored", "x-upload"})


@dataclass(frozen=True)
class Document:
    """A document: its file, its base path without a final slash, and the paths at which it is published; none for one of pages."""

    name: str
    title: str
    path: Path
    base_path: str
    published: tuple[str, ...]


@dataclass(frozen=True)
class OperationText:
    """One operation as it is written in the document, with unresolved references."""

    document: Document
    path: str
    method: str
    text: Mapping[str, Any]

    @property
    def operation_id(self) -> str:
        """The operation's id, which is also the name of its function."""
        return str(self.text["operationId"])

    @property
    def controller(self) -> str:
        """The module that contains the function; empty if the document names none."""
        return str(self.text.get("x-openapi-router-controller", ""))


def load(document: Document) -> dict[str, Any]:
    """Parse the document. Unlike Connexion, this renders no templates, so that braces in a text stay as they are."""
    content = yaml.load(document.path.read_bytes(), Loader=_LOADER)
    return {str(key): value for key, value in content.items()}


def operations(document: Document, content: Mapping[str, Any]) -> Iterator[OperationText]:
    """All operations of a document, in its order."""
    for path, item in content.get("paths", {}).items():
        for method, text in item.items():
            if method in METHODS:
                yield OperationText(document, path, method, text)


def with_roles(content: Mapping[str, Any], roles: Sequence[str]) -> dict[str, Any]:
    """Return the content with these roles as x-required-roles of each operation that has x-configured-roles."""
    paths = {
        path: {key: {**text, "x-required-roles": list(roles)} if "x-configured-roles" in text else text for key, text in item.items()}
        for path, item in content.get("paths", {}).items()}
    return {**content, "paths": paths}


def public(document: Document, content: Mapping[str, Any], public_path: str) -> dict[str, Any]:
    """The document as it is published: with this server as the first one, and without internal extensions."""
    here = {"url": public_path + (document.base_path or "/"), "description": "This server"}
    shown = _without_internals(content)
    # Another address that begins with a slash would be this server's too, without the path that it is served at.
    others = (server for server in shown.get("servers", []) if not server["url"].startswith("/"))
    shown["servers"] = [here, *others]
    return dict(shown)


def _without_internals(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _without_internals(value) for key, value in node.items() if key not in _INTERNAL}
    if isinstance(node, list):
        return [_without_internals(value) for value in node]
    return node
