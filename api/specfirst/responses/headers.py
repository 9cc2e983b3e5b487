"""Security headers of every response, and CORS."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.types import Scope

Header = tuple[bytes, bytes]

API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
UI_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
# A page that shows what strangers' programs printed: no text can become markup or script, whatever the page's own script does.
VIEW_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
# The same for pages with forms.
PAGE_POLICY = VIEW_POLICY.replace(b"form-action 'none'", b"form-action 'self'")
_HALF_A_YEAR = 15_552_000
_PREFLIGHT_AGE = 600
_EXPOSED = (
    b"ETag, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id, "
    b"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset")
_ACCEPTED = b"Authorization, Content-Type, Idempotency-Key, If-None-Match"
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"


class SecurityHeaders:
    """What is said to every browser, whatever the answer."""

    def __init__(self, public_url: str) -> None:
        always = [
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"cross-origin-resource-policy", b"same-origin")]
        if public_url.startswith("https://"):
            always.append((b"strict-transport-security", b"max-age=%d; includeSubDomains" % _HALF_A_YEAR))
        self._always: tuple[Header, ...] = tuple(always)

    def extra_headers(self, present: Iterable[bytes]) -> Iterable[Header]:
        """The headers to add; an answer that set its own policy or its own caching keeps it."""
        names = frozenset(present)
        yield from self._always
        if b"referrer-policy" not in names:
            yield b"referrer-policy", b"no-referrer"
        if b"content-security-policy" not in names:
            yield b"content-security-policy", API_POLICY
        if b"cache-control" not in names:
            yield b"cache-control", b"no-store"


class CorsHeaders:
    """Cross-origin requests: nothing is allowed but for the configured origins, and cookies never are."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.encode("latin-1") for origin in origins)

    def headers(self, scope: Scope) -> Sequence[Header]:
        """The headers of an answer to this request."""
        if not self._origins:
            return ()
        vary = (b"vary", b"Origin")
        origin = _header(scope, b"origin")
        if origin is None or not (self._any or origin in self._origins):
            return (vary,)
        return vary, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED)

    def preflight(self, scope: Scope) -> Sequence[Header] | None:
        """The headers of the answer to a preflight of an allowed origin; None if the request is none."""
        asks = scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method") is not None
        origin = _header(scope, b"origin")
        if not asks or origin is None or not (self._any or origin in self._origins):
            return None
        return (
            (b"access-control-allow-methods", _METHODS), (b"access-control-allow-headers", _ACCEPTED),
            (b"access-control-max-age", b"%d" % _PREFLIGHT_AGE))


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for given, value in scope["headers"] if given == name), None)
