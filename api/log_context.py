"""Context of log lines: set once for the work of a thread, added to each line by the formatter."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_subject: ContextVar[Mapping[str, str | int]] = ContextVar("log_subject", default=MappingProxyType({}))


@contextmanager
def bind_log_context(**fields: str | int) -> Iterator[None]:
    """Add these fields, such as `job_id` and `attempt`, to what this thread or task logs within the context."""
    before = _subject.set({**_subject.get(), **fields})
    try:
        yield
    finally:
        _subject.reset(before)


def log_subject() -> Mapping[str, str | int]:
    """The fields of the current context."""
    return _subject.get()
