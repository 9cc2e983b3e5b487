"""The bucket, as the tests of storage have it."""
from __future__ import annotations

from tests.storage.conftest import emulator, shared_emulator

__all__ = ["emulator", "shared_emulator"]
