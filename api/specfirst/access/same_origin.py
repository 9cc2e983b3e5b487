"""Whether a request comes from a page of this server."""
from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import Scope


def is_same_origin(scope: Scope, public_url: str) -> bool:
    """Whether the browser says that one of this server's own pages sent the request. What says nothing is not believed."""
    headers: dict[bytes, str] = {name: value.decode("latin-1") for name, value in scope["headers"]}
    told = headers.get(b"sec-fetch-site")
    if told is not None:
        return told == "same-origin"
    origin, public = headers.get(b"origin", ""), urlsplit(public_url)
    # A browser sends the Host of the page's address, which nobody but its reader chooses.
    return bool(origin) and (origin == f"{public.scheme}://{public.netloc}" or origin.partition("://")[2] == headers.get(b"host"))
