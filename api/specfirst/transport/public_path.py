"""A public address with a path, such as https://example.org/ci, which a proxy may strip or leave."""
from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from api.config import ConfigurationError
from api.specfirst.binding.routing import Routes


def path_of(public_url: str) -> str:
    """The path of the public address, without a slash at its end; empty for most."""
    return urlsplit(public_url).path.rstrip("/")


class PublicPath:
    """Takes the path off a request's, unless what was asked for is there as it is."""

    def __init__(self, app: ASGIApp, path: str, routes: Routes) -> None:
        self._app, self._path, self._routes = app, path, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, with the path that the documents know."""
        raw = scope.get("raw_path") or b""
        inside = scope["path"].startswith(self._path + "/") and raw.startswith(self._path.encode() + b"/")
        if inside and not self._routes.match(scope["path"], raw).routes:
            scope = {**scope, "path": scope["path"][len(self._path):], "raw_path": raw[len(self._path):]}
        answering = self._app(scope, receive, send)
        # Behind a stream nothing of its request is kept.
        del scope, raw
        await answering


def served_at(app: ASGIApp, public_url: str, routes: Routes) -> ASGIApp:
    """The application at that address. Raises ConfigurationError for a path with which one address would stand for two things."""
    path = path_of(public_url)
    if not path:
        return app
    for template in routes.templates:
        taken = routes.match(path + template.replace("{", "").replace("}", ""), b"").template
        if taken not in (None, path + template):
            raise ConfigurationError(f"CI_PUBLIC_URL: below {path}, the address of {template} would be that of {taken}; use another path.")
    return PublicPath(app, path, routes)
