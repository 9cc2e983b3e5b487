"""A list of common passwords, from the package's data."""
from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files


@cache
def common_passwords() -> frozenset[str]:
    """Common passwords, and words that they are made of, in lower case."""
    packed = files("api.storage.auth").joinpath("common-passwords.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))
