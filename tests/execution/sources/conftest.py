"""The sandbox that executables are built in."""
from __future__ import annotations

from tests.execution.jobs.conftest import bubblewrap

__all__ = ["bubblewrap"]
