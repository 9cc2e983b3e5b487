"""How long an account's logins are paused after failed attempts."""
from __future__ import annotations

import hashlib

from api.domain.text.casefold import casefold_ascii

# What a person who has forgotten which password it was needs, and some.
FREE_ATTEMPTS = 10
# In seconds. The longest is what somebody else can keep an account's owner from logging in at a new address, at a time.
FIRST_PAUSE, MAX_PAUSE = 30, 900
# How long failures are remembered, and addresses from which the account's owner has logged in.
FAILURES_LAST, ADDRESSES_LAST = 3600, 30 * 86_400


def pause_after(attempts: int) -> int:
    """Seconds until the next attempt, after so many in a row none of which succeeded; 0 for none."""
    return 0 if attempts <= FREE_ATTEMPTS else min(MAX_PAUSE, FIRST_PAUSE << min(attempts - FREE_ATTEMPTS - 1, 10))


def account_key(email: str) -> str:
    """What attempts at an account are counted under: the same for every spelling of its e-mail, and for e-mails of no account."""
    return hashlib.sha256(b"ci-login:" + casefold_ascii(email).encode("utf-8", "surrogatepass")).hexdigest()[:32]
