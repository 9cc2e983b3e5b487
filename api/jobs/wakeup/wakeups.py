"""Makes the configured wake-ups: this host's, and with a broker those of all hosts."""
from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api.jobs.wakeup.wakeup import LocalWakeup, Wakeups

FOLDER = "wakeups"
BROKER = "api.jobs.wakeup.broker"


class BrokerUnusable(Exception):
    """There is a broker, and nothing installed that speaks with it; the message is for the operator."""


def local_wakeup(work: Path) -> LocalWakeup:
    """The bell of the host whose work folder this is."""
    return LocalWakeup(work.absolute() / FOLDER)


def wakeups_of(work: Path, broker: str) -> Wakeups:
    """All bells that are to be rung; `broker` is its URL, or empty. Raises BrokerUnusable."""
    return Wakeups([local_wakeup(work), *([_broker().BrokerWakeup(broker)] if broker else [])])


def require_broker_package() -> None:
    """Raise BrokerUnusable where what speaks with brokers is not installed."""
    _broker()


def wake_forever(broker: str, wake: Callable[[], None]) -> None:
    """Ring whenever the broker says so, for as long as this process lives. Raises BrokerUnusable."""
    _broker().wake_forever(broker, wake)


def _broker() -> Any:
    # The package is an extra, and large: those who have no broker never load it.
    try:
        return importlib.import_module(BROKER)
    except ModuleNotFoundError as missing:
        raise BrokerUnusable("CI_BROKER_URL needs the extra `broker`") from missing
