"""The debt of the documents: operations that they describe and the server does not have yet."""
from __future__ import annotations

UNBOUND: frozenset[str] = frozenset()
