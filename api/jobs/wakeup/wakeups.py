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
    """A broker is configured, but its client library is not installed; the message is for the operator."""


def local_wakeup(work: Path) -> LocalWakeup:
    """The wake-up of the host with this work folder."""
    return LocalWakeup(work.absolute() / FOLDER)


def wakeups_of(work: Path, broker: str) -> Wakeups:
    """All configured wake-ups; `broker` is a URL, or empty. Raises BrokerUnusable."""
    return Wakeups([local_wakeup(work), *([_broker().BrokerWakeup(broker)] if broker else [])])


def require_broker_package() -> None:
    """Raise BrokerUnusable where the broker's client library is not installed."""
    _broker()


def wake_forever(broker: str, wake: Callable[[], None]) -> None:
    """Call `wake` for every message of the broker. Never returns. Raises BrokerUnusable."""
    _broker().wake_forever(broker, wake)


def _broker() -> Any:
    # The package is a large extra, which is imported only where there is a broker.
    try:
        return importlib.import_module(BROKER)
    except ModuleNotFoundError as missing:
        raise BrokerUnusable("CI_BROKER_URL needs the extra `broker`") from missing
