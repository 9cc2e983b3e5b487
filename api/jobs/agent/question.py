"""Asks the server in a thread, one thing at a time, so that the agent's loop goes on meanwhile."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Question(Generic[T]):
    """A question, from its beginning on. `notify` is called, in its thread, once there is an answer."""

    def __init__(self, ask: Callable[[], T], notify: Callable[[], None]) -> None:
        self._answer: T | None = None
        self._failure: BaseException | None = None
        self._is_answered = threading.Event()

        def wait() -> None:
            try:
                self._answer = ask()
            # It is raised where the answer is looked at.
            except BaseException as failed:
                self._failure = failed
            finally:
                self._is_answered.set()
                notify()

        # It ends with the process, which need not wait for the answer.
        threading.Thread(target=wait, name="question", daemon=True).start()

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer."""
        return self._is_answered.is_set()

    def answer(self) -> T:
        """The answer, of a question that has one; raises what the question raised."""
        if self._failure is not None:
            raise self._failure
        return self._answer  # type: ignore[return-value]
