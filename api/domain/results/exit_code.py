"""Exit codes of Linux and Windows workers, normalized so that they can be compared."""
from __future__ import annotations

# What our own worker reports of a program that it ended at the time limit, whatever the limit is; the code of timeout(1).
TIME_LIMIT_EXIT_CODE = 124
# The platform's own workers report -1, which a program on Windows can also end with: theirs comes after the limit that they all have.
PLATFORM_TIME_LIMIT_EXIT_CODE = -1
PLATFORM_TIME_LIMIT_MS = 600_000

# Linux' signals that end a process, by number. What stops a process, lets it go on or tells it something is not here, nor is
# SIGHUP: its negative number is the time limit's.
SIGNALS = frozenset(range(2, 32)) - {17, 18, 19, 20, 21, 22, 23, 28}
# SIGHUP has no other code than a shell's.
HANGUP_EXIT_CODE = 129
# 128 and the number of one of these is an exit code that programs use themselves.
REAL_TIME_SIGNALS = frozenset(range(34, 65))
_SIGINT, _SIGILL, _SIGTRAP, _SIGABRT, _SIGBUS, _SIGFPE, _SIGSEGV = 2, 4, 5, 6, 7, 8, 11
# How Windows ends a process that did what Linux ends one for with a signal: statuses and the signals' numbers.
_WINDOWS = {
    # An access violation, and a stack that overflowed.
    **dict.fromkeys((0xC0000005, 0xC00000FD), _SIGSEGV),
    # A page that could not be read from its file.
    0xC0000006: _SIGBUS,
    0xC000001D: _SIGILL,
    0x80000003: _SIGTRAP,
    # The faults of floating-point numbers, a division of integers by zero and one that overflows.
    **dict.fromkeys(range(0xC000008D, 0xC0000096), _SIGFPE),
    # A program that gave itself up at once (`__fastfail`), and one that reported a fatal fault of its own.
    **dict.fromkeys((0xC0000409, 0x40000015), _SIGABRT),
    # Ctrl-C.
    0xC000013A: _SIGINT,
}


def signed_32_bits(exit_code: int) -> int:
    """An exit code as workers on Windows send it, unsigned, as the signed number that is stored."""
    return (exit_code + 2**31) % 2**32 - 2**31


_SAME = {
    **{128 + number: -number for number in SIGNALS},
    **{signed_32_bits(status): -number for status, number in _WINDOWS.items()},
}


def normalized(exit_code: int, runtime_ms: int | None = None) -> int:
    """The exit code that stands for all that say the same: the negative number of a signal, the time limit's, or itself, signed.

    Workers tell of a signal by its negative number, by 128 plus its number, or by the status that Windows has for the same
    fault. -1 is the time limit where the test, whose run took `runtime_ms`, came to it.
    """
    code = signed_32_bits(exit_code)
    if code == PLATFORM_TIME_LIMIT_EXIT_CODE and (runtime_ms or 0) >= PLATFORM_TIME_LIMIT_MS:
        return TIME_LIMIT_EXIT_CODE
    return _SAME.get(code, code)
