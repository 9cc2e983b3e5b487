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
# After this time an agent has polled by itself.
EXPIRES = 30
CONNECT_SECONDS = 3
RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.4}


def wake_app(url: str) -> Celery:
    """The Celery application. Every worker process gets each message, since agents of all hosts are woken."""
    app = Celery("ci", broker=url, set_as_current=False)
    app.conf.update(
        task_queues=(_broadcast_queue(),), task_ignore_result=True, task_store_errors_even_if_ignored=False,
        worker_hijack_root_logger=False, worker_redirect_stdouts=False,
        broker_connection_timeout=CONNECT_SECONDS, broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None, worker_cancel_long_running_tasks_on_connection_loss=True,
        # Without confirmation, a message sent over a closed connection would be lost silently.
        broker_transport_options={"confirm_publish": True})
    return app


class BrokerWakeup:
    """Wakes agents on all hosts. A thread sends the messages, so that an unreachable broker blocks no caller."""

    def __init__(self, url: str) -> None:
        self._app = wake_app(url)
        self._requested = threading.Event()
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_reachable = True

    def wake(self) -> None:
        """Wake all agents; calls in quick succession are merged."""
        self._requested.set()
        with self._start_lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_all, name="broker-wakeup", daemon=True)
                self._thread.start()

    def _send_all(self) -> None:
        while self._requested.wait():
            self._requested.clear()
            self._send()

    def _send(self) -> None:
        queue = _broadcast_queue()
        try:
            # Only the exchange is declared: a queue without a reader would grow.
            self._app.send_task(WAKE, queue=queue, declare=[queue.exchange], expires=EXPIRES, retry=True, retry_policy=RETRY_POLICY)
        except Exception as fault:  # Whatever is wrong with the broker, agents poll by themselves.
            if self._is_reachable:
                log.warning("the broker cannot be reached (%s); agents on other hosts are not woken, and poll by themselves", _kind(fault))
            self._is_reachable = False
            return
        if not self._is_reachable:
            log.info("the broker is reached again")
        self._is_reachable = True


def wake_forever(url: str, wake: Callable[[], None]) -> None:
    """Call `wake` for every message, and reconnect to the broker as needed. Never returns."""
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
    # The message of an exception may quote the URL, which may hold a password.
    return type(fault).__name__
