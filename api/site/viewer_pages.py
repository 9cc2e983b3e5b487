"""The log pages: they hold no data, and call the API with the token that the reader enters."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files

from api.specfirst.responses.headers import VIEW_POLICY
from api.specfirst.responses.static_pages import DOCUMENT_AGE, Page, constant

VIEW = "/view"
_JAVASCRIPT, _CSS = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_FILES: Mapping[str, str] = {
    "theme.css": _CSS, "page.css": _CSS, "log.css": _CSS, "front.css": _CSS, "icon.svg": "image/svg+xml",
    **{f"{name}.js": _JAVASCRIPT for name in (
        "asking", "failed-tests", "following", "frames", "job", "line", "live", "login", "pane", "place", "review", "run", "search",
        "terminal", "view", "words")}}
# The page that lists what such a page shows one of, what that is, and its script.
_PAGES: Mapping[str, tuple[str, str, str]] = {
    "/jobs/{job_id}/view": ("/view/jobs", "Job", "job.js"), "/runs/{run_id}/view": ("/runs", "Run", "run.js")}

VIEW_PATHS = frozenset({*_PAGES, *(f"{VIEW}/{name}" for name in _FILES)})


def view_pages(public_path: str) -> Iterator[Page]:
    """The pages, with their scripts and styles. Files of one version ask for each other, so all are kept for a short time alone."""
    policy = ((b"content-security-policy", VIEW_POLICY),)
    folder = files("api.site.pages")
    template = folder.joinpath("view.html").read_text("utf-8")
    for path, (listed, title, script) in _PAGES.items():
        named = template.replace("{list}", listed).replace("{title}", title).replace("{script}", script)
        body = named.replace("{view}", public_path + VIEW).replace("{path}", public_path).encode("utf-8")
        yield Page(path, "text/html; charset=utf-8", constant(body), DOCUMENT_AGE, policy)
    for name, media_type in _FILES.items():
        yield Page(f"{VIEW}/{name}", media_type, folder.joinpath(name).read_bytes, DOCUMENT_AGE, policy)
