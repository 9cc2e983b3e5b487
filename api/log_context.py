"""Context of log lines: set once for the work of a thread, added to each line by the formatter."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_subject: ContextVar[Mapping[str, str | int]] = ContextVar("log_subject", default=MappingProxyType({}))


@contextmanager
def about(**fields: str | int) -> Iterator[None]:
    """Lines logged meanwhile, by this thread or task, have these fields, such as `job_id` and `attempt`."""
    before = _subject.set({**_subject.get(), **fields})
    try:
        yield
    finally:
        _subject.reset(before)


def log_subject() -> Mapping[str, str | int]:
    """The fields of lines that are logged here and now."""
    return _subject.get()
