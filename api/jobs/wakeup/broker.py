"""Wake-ups between hosts: a Celery task over RabbitMQ or Redis. The broker only carries wake-ups; the queue is in the database."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from celery import Celery
from celery.worker import WorkController
from kombu.common import Broadcast

log = logging.getLogger(__name__)

WAKE = "ci.wake"
NAME = "ci-wake"
# Whoever is woken later than this has long looked for itself.
EXPIRES = 30
CONNECT_SECONDS = 3
RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.4}


def wake_app(url: str) -> Celery:
    """The application: every process that works for it gets each message, since agents on every host are to look for work."""
    app = Celery("ci", broker=url, set_as_current=False)
    app.conf.update(
        task_queues=(_broadcast_queue(),), task_ignore_result=True, task_store_errors_even_if_ignored=False,
        worker_hijack_root_logger=False, worker_redirect_stdouts=False,
        broker_connection_timeout=CONNECT_SECONDS, broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None, worker_cancel_long_running_tasks_on_connection_loss=True,
        # Without a receipt, what is sent over a connection that the broker has closed would be lost without a word.
        broker_transport_options={"confirm_publish": True})
    return app


class BrokerWakeup:
    """Rings agents on all hosts. Ringing only leaves a note for a thread, so that a broker that is away keeps nobody waiting."""

    def __init__(self, url: str) -> None:
        self._app = wake_app(url)
        self._requested = threading.Event()
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_reachable = True

    def wake(self) -> None:
        """Have everybody woken; rings that come close together are one."""
        self._requested.set()
        with self._start_lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_all, name="broker-bell", daemon=True)
                self._thread.start()

    def _send_all(self) -> None:
        while self._requested.wait():
            self._requested.clear()
            self._send()

    def _send(self) -> None:
        queue = _broadcast_queue()
        try:
            # The exchange alone is declared: a queue of ours that nobody reads would only grow.
            self._app.send_task(WAKE, queue=queue, declare=[queue.exchange], expires=EXPIRES, retry=True, retry_policy=RETRY_POLICY)
        except Exception as fault:  # Whatever is wrong with the broker, agents look for work by themselves.
            if self._is_reachable:
                log.warning("the broker cannot be reached (%s); agents on other hosts are not woken, and look by themselves", _kind(fault))
            self._is_reachable = False
            return
        if not self._is_reachable:
            log.info("the broker is reached again")
        self._is_reachable = True


def wake_forever(url: str, wake: Callable[[], None]) -> None:
    """Ring, in this process, whenever a message comes; a broker that is away is waited for. Ends only with the process."""
    app = wake_app(url)

    def on_message() -> None:
        wake()

    app.task(name=WAKE)(on_message)
    app.finalize()
    WorkController(
        app=app, hostname=f"ci-{uuid4()}", pool_cls="solo", concurrency=1, without_gossip=True, without_mingle=True, without_heartbeat=True,
    ).start()


def _broadcast_queue() -> Any:
    return Broadcast(NAME)  # type: ignore[no-untyped-call]


def _kind(fault: BaseException) -> str:
    # What a client says of itself may quote the address, and that may hold a password.
    return type(fault).__name__
