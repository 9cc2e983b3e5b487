"""Password hashes: in the platform's scheme, which its own login reads, and in our own."""
from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from passlib.hash import argon2, bcrypt, sha256_crypt, sha512_crypt

SCHEMES: tuple[Any, ...] = (argon2, sha512_crypt, sha256_crypt, bcrypt)
PLATFORM_SCHEME = sha512_crypt.using(rounds=656_000)
OWN_SCHEME = argon2.using(type="ID")
NOBODYS = "a password that nobody has"


def hash_password(password: str, *, platform: bool) -> str:
    """A new hash: sha512_crypt on a database that a Sample Platform shares, argon2id on one of our own."""
    return str((PLATFORM_SCHEME if platform else OWN_SCHEME).hash(password))


def verify_password(password: str, stored: str | None, *, platform: bool) -> bool:
    """Whether the password fits the stored hash.

    Without an account (`stored` None) a hash of the usual scheme is verified all the same, so that the answer takes as long.
    """
    if stored is None:
        _verify(password, _nobodys_hash(platform))
        return False
    return _verify(password, stored)


def fingerprint(stored: str) -> str:
    """SHA-256 (hex) that tells whether an account's hash is still the one a token was issued under."""
    return hashlib.sha256(b"ci-password-fingerprint:" + stored.encode()).hexdigest()


def _verify(password: str, stored: str) -> bool:
    scheme = next((each for each in SCHEMES if each.identify(stored)), None)
    if scheme is None:
        return False
    try:
        return bool(scheme.verify(password, stored))
    except ValueError:
        # The stored hash is damaged, or the password holds what the scheme cannot take (bcrypt: NUL, over 72 bytes).
        return False


@cache
def _nobodys_hash(platform: bool) -> str:
    return hash_password(NOBODYS, platform=platform)
