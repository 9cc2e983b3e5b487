"""The application that the tests of `specfirst` use."""
from __future__ import annotations

from tests.specfirst.conftest import make

__all__ = ["make"]
