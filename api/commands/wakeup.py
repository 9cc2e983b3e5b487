"""`ci-api wakeup`: listens to the broker, and wakes the agents of this host."""
from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from api.commands.attached import when_left
from api.commands.failure import CommandFailed
from api.config import Settings
from api.jobs.wakeup.wakeups import BrokerUnusable, local_wakeup, require_broker_package, wake_forever
from api.specfirst.responses.access_log import configure_logging
from api.supervision.child_process import ChildProcess
from api.supervision.loop import Background, Task

COMMAND = (sys.executable, "-m", "api.cli", "wakeup", "--attached")
POLL_INTERVAL = 0.5
PAUSE = 5.0


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "wakeup", help="wake this host's agents at a broker's message",
        description="Listen to the broker that CI_BROKER_URL names, and wake the agents of this host at once when another host has work "
        "for them. Agents start it themselves; without a broker they look for work every other second.")
    parser.add_argument("--attached", action="store_true", help="end when the standard input does")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Listen until SIGTERM. Returns 1 if the client library gives up; it is then to be started again. No work is lost meanwhile."""
    if not settings.broker_url:
        raise CommandFailed("CI_BROKER_URL is not set; agents look for work by themselves")
    configure_logging(settings.log_format)
    if arguments.attached:
        when_left(partial(os.kill, os.getpid(), signal.SIGTERM))
    try:
        wake_forever(settings.broker_url, local_wakeup(settings.work_dir).wake)
    except BrokerUnusable as fault:
        raise CommandFailed(str(fault)) from fault
    return 1


@contextmanager
def listening(settings: Settings) -> Iterator[None]:
    """Run the command in a child process while the context lasts. Without a configured broker, run nothing.

    Raises CommandFailed if the broker's client library is not installed.
    """
    if not settings.broker_url:
        yield
        return
    try:
        require_broker_package()
    except BrokerUnusable as fault:
        raise CommandFailed(str(fault)) from fault
    environment = {**os.environ, "CI_BROKER_URL": settings.broker_url, "CI_WORK_DIR": str(settings.work_dir.absolute())}
    process = ChildProcess(COMMAND, environment)
    background = Background()
    background.add([Task("wakeup", process.ensure_running, POLL_INTERVAL, close=process.stop, first_pause=PAUSE)])
    with background.entered():
        yield
