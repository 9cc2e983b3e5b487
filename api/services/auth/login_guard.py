"""Counts failed logins per account and per address, whether or not the account exists."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import ceil

from api.domain.auth.login_pause import ADDRESSES_LAST, FAILURES_LAST, FREE_ATTEMPTS, MAX_PAUSE, account_key, pause_after
from api.domain.errors import TooMany
from api.services.counters import Counters


class LoginGuard:
    """Lets attempts at an account's password pass, fewer and fewer of them the more have failed.

    An address from which the owner has logged in before is not held up by what others do: it has its own limit alone. So
    nobody can lock an owner out for good, and nobody learns from the pauses which accounts there are.
    """

    def __init__(self, counters: Counters, clock: Callable[[], datetime]) -> None:
        self._counters, self._clock = counters, clock

    def admit(self, email: str, network: str) -> None:
        """Count an attempt before its password is checked, so that parallel attempts are limited too. Raises TooMany."""
        key = account_key(email)
        if self._counters.hit(_known(key, network), ADDRESSES_LAST, 0).used:
            return
        pause = self._counters.hit(_pause(key), MAX_PAUSE, 0)
        if pause.used:
            raise self._too_many(pause.ends)
        seconds = pause_after(self._counters.hit(_failures(key), FAILURES_LAST).used)
        if seconds:
            begun = self._counters.hit(_pause(key), seconds)
            # Of several simultaneous attempts, the first starts the pause and passes.
            if begun.used > 1:
                raise self._too_many(begun.ends)

    def succeeded(self, email: str, network: str) -> None:
        """Forget the account's failures, and remember the address."""
        key = account_key(email)
        self._counters.forget(_failures(key))
        self._counters.forget(_pause(key))
        self._counters.hit(_known(key, network), ADDRESSES_LAST)

    def _too_many(self, ends: float) -> TooMany:
        return TooMany(
            "Too many failed attempts with this e-mail address.", limit=FREE_ATTEMPTS,
            retry_after=max(1, ceil(ends - self._clock().timestamp())), remedy="Wait for details.retry_after seconds.")


def _failures(key: str) -> str:
    return f"ci/failed-logins/{key}"


def _pause(key: str) -> str:
    return f"ci/login-pause/{key}"


def _known(key: str, network: str) -> str:
    return f"ci/login-address/{key}/{network}"
