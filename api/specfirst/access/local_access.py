"""Recognizes requests from this machine to a server on loopback, which no proxy forwarded."""
from __future__ import annotations

import re

from starlette.types import Scope

from api.domain.network_address import read_address

# What proxies add: behind one, the loopback address is the proxy's, and says nothing of whoever asks.
_FORWARDED = frozenset({
    b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip", b"cf-connecting-ip"})
_LOCALHOST = "localhost"
_HOST = re.compile(r"([A-Za-z0-9.]{1,50}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def is_local(scope: Scope) -> bool:
    """Whether both ends of the connection are loopback addresses and nothing in the request speaks of a proxy or of another site.

    A page of any site may have its visitor's browser ask a server on loopback; then Host, Origin or Sec-Fetch-Site tell.
    """
    if not (_is_loopback_end(scope.get("client")) and _is_loopback_end(scope.get("server"))):
        return False
    names = [name for name, _ in scope["headers"]]
    if any(name in _FORWARDED or name.startswith(b"x-forwarded-") for name in names):
        return False
    hosts = _values(scope, b"host")
    found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if found is None or not is_loopback_host(found[1].strip("[]")):
        return False
    same = all(origin == f"http://{hosts[0]}" for origin in _values(scope, b"origin"))
    return same and all(site in ("same-origin", "none") for site in _values(scope, b"sec-fetch-site"))


def is_loopback_host(host: str) -> bool:
    """Whether a host is this machine alone: `localhost`, or a loopback address."""
    return host.lower() == _LOCALHOST or _is_loopback(host)


def _is_loopback_end(end: object) -> bool:
    return isinstance(end, tuple | list) and len(end) == 2 and _is_loopback(str(end[0]))


def _is_loopback(text: str) -> bool:
    address = read_address(text)
    return address is not None and address.is_loopback


def _values(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]
