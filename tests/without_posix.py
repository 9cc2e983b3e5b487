"""Runs `ci-api` on this system as if it were Windows: python -m tests.without_posix ARGUMENTS…

This project's modules find neither the modules nor the names that POSIX alone has, and `sys.platform` is Windows'. The libraries that they
use go on with what is really there. What Windows alone has does nothing here, but for its locks.
"""
from __future__ import annotations

import builtins
import errno
import fcntl
import importlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

MODULES = frozenset({"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"})
WINDOWS_MODULES = frozenset({"msvcrt", "win32job"})
# What `dir` finds of these modules in CPython 3.11 on Linux, and not on Windows; without constants that only go with such functions.
NAMES = {
    "os": (
        "O_ACCMODE O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_LARGEFILE O_NDELAY O_NOATIME O_NOCTTY O_NOFOLLOW O_NONBLOCK O_PATH "
        "O_RSYNC O_SYNC O_TMPFILE P_ALL P_PGID P_PID P_PIDFD WEXITSTATUS WIFEXITED WIFSIGNALED WIFSTOPPED WNOHANG WSTOPSIG WTERMSIG "
        "WUNTRACED chown chroot confstr copy_file_range ctermid environb eventfd fchdir fchmod fchown fdatasync fork forkpty fpathconf "
        "fstatvfs fwalk get_blocking getegid getenvb geteuid getgid getgrouplist getgroups getloadavg getpgid getpgrp getpriority "
        "getrandom getresgid getresuid getsid getuid getxattr initgroups killpg lchown listxattr lockf major makedev memfd_create minor "
        "mkfifo mknod nice openpty pathconf pidfd_open pipe2 posix_fadvise posix_fallocate posix_spawn posix_spawnp pread preadv pwrite "
        "pwritev readv register_at_fork removexattr sched_getaffinity sched_setaffinity sched_yield sendfile set_blocking setegid seteuid "
        "setgid setgroups setpgid setpgrp setpriority setregid setresgid setresuid setreuid setsid setuid setxattr splice statvfs sync "
        "sysconf tcgetpgrp tcsetpgrp ttyname uname wait wait3 wait4 waitid writev"),
    "select": "epoll poll POLLERR POLLHUP POLLIN POLLOUT PIPE_BUF",
    "signal": (
        "ITIMER_REAL SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE SIGPROF SIGPWR SIGQUIT SIGRTMAX SIGRTMIN SIGSTOP SIGSYS "
        "SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ SIG_BLOCK SIG_SETMASK SIG_UNBLOCK alarm "
        "getitimer pause pidfd_send_signal pthread_kill pthread_sigmask setitimer sigpending sigtimedwait sigwait sigwaitinfo"),
    "socket": "AF_NETLINK AF_PACKET AF_UNIX MSG_DONTWAIT MSG_NOSIGNAL SCM_RIGHTS SOCK_CLOEXEC SOCK_NONBLOCK recv_fds send_fds",
    "subprocess": "",
    "sys": "abiflags",
    "time": "CLOCK_BOOTTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID clock_getres clock_gettime clock_settime pthread_getcpuclockid tzset",
}
POSIX_OPTIONS = frozenset({"pass_fds", "preexec_fn", "start_new_session", "process_group", "user", "group", "extra_groups", "umask"})


class Popen(subprocess.Popen[Any]):
    """A process without what can only be asked of POSIX."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        refused = POSIX_OPTIONS & options.keys()
        if refused:
            raise ValueError(f"not on Windows: {', '.join(sorted(refused))}")
        super().__init__(*arguments, **options)


# What is of use to a machine on Windows, with a number that the functions of this system take.
ADDED: Mapping[str, Mapping[str, object]] = {
    "os": {"name": "nt", "O_BINARY": 0, "O_NOINHERIT": 0},
    "signal": {"SIGBREAK": importlib.import_module("signal").SIGUSR1},
    "subprocess": {"Popen": Popen, "CREATE_NO_WINDOW": 0, "CREATE_NEW_PROCESS_GROUP": 0},
    "sys": {"platform": "win32"},
}


def install() -> None:
    """From now on, what this project's modules import is what there is on Windows."""
    shown: dict[str, ModuleType] = {name: _like_windows(name) for name in NAMES}
    shown |= {name: MagicMock(name=name) for name in WINDOWS_MODULES}
    vars(shown["msvcrt"])["locking"] = _lock
    real: Callable[..., ModuleType] = builtins.__import__

    def find(
        name: str, globals: Mapping[str, object] | None = None, locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (), level: int = 0,
    ) -> ModuleType:
        if level or str((globals or {}).get("__name__")).partition(".")[0] != "api":
            return real(name, globals, locals, fromlist, level)
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return shown[name] if name in shown else real(name, globals, locals, fromlist, level)

    builtins.__import__ = find


def _lock(descriptor: int, mode: int, length: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as taken:
        raise PermissionError(errno.EACCES, "Permission denied") from taken


def _like_windows(name: str) -> ModuleType:
    found, without = importlib.import_module(name), set(NAMES[name].split())
    made = ModuleType(name)
    vars(made).update({each: value for each, value in vars(found).items() if each not in without}, **ADDED.get(name, {}))
    return made


if __name__ == "__main__":
    install()
    sys.exit(importlib.import_module("api.cli").main())
