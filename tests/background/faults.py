"""What can be raised at a task, and clocks that move when they are told to."""
from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from api.storage.database import TransactionConflict


class Odd(BaseException):
    """Neither an error nor an exit."""


FAULTS: tuple[BaseException, ...] = (
    OSError(errno.ESTALE, "Stale file handle"), OSError(errno.ENOSPC, "No space left on device"), ConnectionResetError(), TimeoutError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), ValueError("year 0 is out of range"), RecursionError(), MemoryError(),
    OperationalError("SELECT 1", {}, Exception(2013, "Lost connection")), IntegrityError("INSERT", {}, Exception(1062, "Duplicate")),
    NoConnectionFree(), TransactionConflict(), ExceptionGroup("several", [OSError()]), RuntimeError("can't start new thread"),
    StopIteration(), asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Odd())


@dataclass
class Monotonic:
    """Seconds that pass when they are told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """The seconds until now."""
        return self.seconds
