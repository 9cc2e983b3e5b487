"""The generated signing key: a file in the file store's root, shared by all processes."""
from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from api.host.permissions import PRIVATE

FILE = ".ci-signing-key"
LENGTH = 32


def load_secret(root: Path) -> bytes:
    """The secret of the file store at this root, made if there is none. Only the file's owner can read it.

    Raises ValueError for a file that holds less than a secret.
    """
    path = root / FILE
    with suppress(FileNotFoundError):
        return _whole(path)
    temporary = root / f"{FILE}-{os.getpid()}-{secrets.token_hex(4)}"
    with os.fdopen(PRIVATE.open(temporary, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.write(secrets.token_bytes(LENGTH))
        file.flush()
        os.fsync(file.fileno())
    try:
        # Of several processes that start at once one is first; the others take what it made.
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
    return _whole(path)


def _whole(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) < LENGTH:
        raise ValueError(f"its file {FILE} was cut off; remove it, and another signing key is made")
    return secret
