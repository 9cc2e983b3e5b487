"""Runs blocking code from the event loop in threads."""
from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from flask import Flask

from api.specfirst.request_context import InThread

P = ParamSpec("P")
T = TypeVar("T")


def in_thread_of(pool: Executor, app: Flask) -> InThread:
    """Runs a function in the pool, in an application context of its own: what is bound to that is released at its end."""

    def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        def run() -> T:
            with app.app_context():
                return work(*args, **kwargs)

        return asyncio.get_running_loop().run_in_executor(pool, partial(copy_context().run, run))

    return in_thread
