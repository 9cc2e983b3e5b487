"""Fixtures of whole processes; the application of the middleware's tests is one of them."""
from __future__ import annotations

from tests.middleware.conftest import make

__all__ = ["make"]
