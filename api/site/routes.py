"""Routes besides operations: documents, llms.txt, Swagger UI, and the log pages."""
from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from api.site.viewer_pages import VIEW_PATHS, view_pages
from api.specfirst.binding.documents import Document, public
from api.specfirst.responses.headers import UI_POLICY
from api.specfirst.responses.json_responses import encode
from api.specfirst.responses.probes import PROBE_PATHS
from api.specfirst.responses.static_pages import ASSET_AGE, DOCUMENT_AGE, Page, constant
from api.specfirst.transport.public_path import path_of

LLMS = "/llms.txt"
UI = "/api/v1/ui"
_JSON = "application/json"
_PACKAGED: Mapping[str, str] = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui-standalone-preset.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_OWN: Mapping[str, str] = {"start.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8"}

# Every path that answers and is no operation of a document; a test holds the server to it.
NOT_OPERATIONS = frozenset({
    "/api/v1/openapi.json", "/openapi.json", "/openapi-worker.json", "/openapi-jobs.json", "/openapi-platform-api.json",
    "/openapi-machines.json", LLMS, UI, "/mcp",
    *(f"{UI}/{name}" for name in (*_PACKAGED, *_OWN))}) | VIEW_PATHS | PROBE_PATHS


def pages(documents: Sequence[Document], contents: Mapping[str, Mapping[str, Any]], public_url: str) -> list[Page]:
    """All pages of the server."""
    path, published = path_of(public_url), [document for document in documents if document.published]
    return [*_document_pages(published, contents, path), _llms(published, public_url), *_ui(published, path), *view_pages(path)]


def _document_pages(documents: Sequence[Document], contents: Mapping[str, Mapping[str, Any]], public_path: str) -> Iterator[Page]:
    for document in documents:
        body = encode(public(document, contents[document.name], public_path))
        for path in document.published:
            yield Page(path, _JSON, constant(body), DOCUMENT_AGE)


def service_description(documents: Sequence[Document], public_path: str) -> Callable[[str, str], bytes | None]:
    """Says the Link header to the document that describes an operation, by the document's name; None where it is not published.

    Where no operation is, the path decides, and in the end the first document.
    """
    links = {
        document.name: f'<{public_path}{document.published[0]}>; rel="service-desc"'.encode("ascii") if document.published else None
        for document in documents}
    bases = sorted(((document.base_path, document.name) for document in documents if document.base_path), reverse=True)
    first = next(text for text in links.values() if text is not None)

    def link(name: str, path: str) -> bytes | None:
        if name in links:
            return links[name]
        return next((links[each] for base, each in bases if path.startswith(base + "/")), first)

    return link


def _llms(documents: Sequence[Document], public_url: str) -> Page:
    template = files("api.site.ui").joinpath("llms.txt").read_text("utf-8")
    listed = "\n".join(f"- {document.title}: {public_url}{document.published[0]}" for document in documents)
    body = template.replace("{public_url}", public_url).replace("{documents}", listed).encode("utf-8")
    return Page(LLMS, "text/plain; charset=utf-8", constant(body), DOCUMENT_AGE)


def _ui(documents: Sequence[Document], public_path: str) -> Iterator[Page]:
    policy = ((b"content-security-policy", UI_POLICY),)
    shown = json.dumps([{"url": public_path + document.published[0], "name": document.title} for document in documents])
    template = files("api.site.ui").joinpath("page.html").read_text("utf-8")
    placed = template.replace("{ui}", public_path + UI).replace("{path}", public_path)
    body = placed.replace("{documents}", html.escape(shown)).encode("utf-8")
    yield Page(UI, "text/html; charset=utf-8", constant(body), DOCUMENT_AGE, policy)
    packaged = files("flask_swagger_ui").joinpath("dist")
    for folder, assets in ((packaged, _PACKAGED), (files("api.site.ui"), _OWN)):
        for name, media_type in assets.items():
            yield Page(f"{UI}/{name}", media_type, _file(folder.joinpath(name)), ASSET_AGE, policy)


def _file(path: Traversable) -> Callable[[], bytes]:
    return path.read_bytes
