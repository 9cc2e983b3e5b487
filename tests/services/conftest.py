"""Databases and stores of files, as the tests of storage have them."""
from __future__ import annotations

from tests.storage.conftest import empty_url, emulator, kept, local, shared_emulator, store

__all__ = ["empty_url", "emulator", "kept", "local", "shared_emulator", "store"]
