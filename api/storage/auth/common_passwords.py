"""The passwords that are guessed first, as the package brings them along."""
from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def common_passwords() -> frozenset[str]:
    """Common passwords, and words that they are made of, in lower case."""
    lines = files("api.storage.auth").joinpath("common-passwords.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))
