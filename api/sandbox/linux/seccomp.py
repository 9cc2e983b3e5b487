"""The system calls that a job may make, as a BPF filter and as a profile for container engines.

Both let through the calls of `calls.py` but those that are refused here, each for its reason: what reaches beyond the sandbox (other
processes' memory, mounts, namespaces, keys, the kernel's modules and tracing) and what no limit counts. Any other call, such as one
of a newer kernel, is unknown to a job.

Not libseccomp: its Python bindings need the library on the host, and bubblewrap and the engines take a finished filter.
"""
from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from api.sandbox.linux.calls import AARCH64, X86_64

# Why each call is refused, or looked at.
REASONS: dict[str, tuple[str, ...]] = {
    "reads or changes other processes": (
        "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "migrate_pages", "move_pages", "process_madvise",
        "process_mrelease"),
    "keeps keys beyond the process": ("keyctl", "add_key", "request_key"),
    "runs code in the kernel, or watches it": ("bpf", "perf_event_open", "userfaultfd", "syslog"),
    "sees what others do with files": ("fanotify_init", "fanotify_mark"),
    "changes or shows mounts": (
        "mount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr", "chroot",
        "statmount", "listmount", "open_tree_attr", "ustat", "sysfs"),
    "makes or joins namespaces": ("setns", "unshare", "clone", "clone3"),
    "changes the machine": (
        "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "get_kernel_syms",
        "query_module", "reboot", "swapon", "swapoff", "acct", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "quotactl",
        "quotactl_fd", "nfsservctl", "iopl", "ioperm", "_sysctl", "vhangup", "lsm_get_self_attr", "lsm_set_self_attr",
        "lsm_list_modules"),
    "makes what else is refused easier to exploit": ("personality", "modify_ldt", "vmsplice", "uselib"),
    "opens files past the folders above them": ("open_by_handle_at", "name_to_handle_at", "lookup_dcookie"),
    "does what this filter cannot look at": ("io_uring_setup", "io_uring_enter", "io_uring_register"),
    "keeps memory that no limit counts, or that outlives its process": (
        "memfd_secret", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify",
        "mq_getsetattr"),
    "types into terminals, by two of its requests": ("ioctl",),
    "makes sockets that no network namespace holds back": ("socket",),
}
# The kernel says of these that it has no such call, and programs then take the older way, which can be looked at.
UNKNOWN = frozenset({
    "memfd_secret", "statmount", "listmount", "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules",
    "clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"})
INSPECTED = frozenset({"clone", "ioctl", "socket"})
REFUSED = frozenset(name for names in REASONS.values() for name in names) - INSPECTED
ALLOWED = (X86_64.keys() | AARCH64.keys()) - REFUSED - INSPECTED
NEW_NAMESPACES = 0x7E020000
TYPE_INTO_TERMINALS = (0x5412, 0x541C)
SOCKET_FAMILIES = (1, 2, 10)

LOAD, EQUAL, GREATER_OR_EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
CALL_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16
# The numbers of calls, and how the kernel names the architecture.
ARCHITECTURES: Mapping[str, tuple[Mapping[str, int], int]] = {"x86_64": (X86_64, 0xC000003E), "aarch64": (AARCH64, 0xC00000B7)}
WHOLE = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]
# A mask, and what is to be left of a value under it.
Masked = tuple[int, int]


def is_supported(machine: str | None = None) -> bool:
    """Whether there is a filter for this kind of processor."""
    return (machine or platform.machine()) in ARCHITECTURES


def filter_program(machine: str | None = None) -> bytes:
    """The filter as the kernel takes it: instructions of eight bytes. Raises KeyError for an unsupported processor."""
    return b"".join(struct.pack("=HBBI", *each) for each in _instructions(*ARCHITECTURES[machine or platform.machine()]))


def engine_profile() -> dict[str, Any]:
    """The same rules in the format of Docker's profiles.

    A name that an engine's libseccomp does not know is passed over, and its call unknown to a job. Rules of one call exclude each other,
    since libseccomp promises no order among them.
    """
    return {
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": errno.ENOSYS,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [
            {"names": sorted(ALLOWED), "action": "SCMP_ACT_ALLOW"},
            {"names": sorted(REFUSED - UNKNOWN), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM},
            *_engine_rules("clone", 0, [(NEW_NAMESPACES, 0)], [(1 << bit, 1 << bit) for bit in range(32) if NEW_NAMESPACES >> bit & 1]),
            *_engine_rules("ioctl", 1, _all_but(TYPE_INTO_TERMINALS), [(WHOLE, each) for each in TYPE_INTO_TERMINALS]),
            *_engine_rules("socket", 0, [(WHOLE, each) for each in SOCKET_FAMILIES], _all_but(SOCKET_FAMILIES), errno.EAFNOSUPPORT)],
    }


def _engine_rules(
    name: str, argument: int, allowed: Iterable[Masked], refused: Iterable[Masked], error: int = errno.EPERM,
) -> Iterator[dict[str, Any]]:
    """Rules of one call that look at the lower half of one of its arguments."""
    for action, masks in (({"action": "SCMP_ACT_ALLOW"}, allowed), ({"action": "SCMP_ACT_ERRNO", "errnoRet": error}, refused)):
        for mask, value in masks:
            yield {"names": [name], **action, "args": [{"index": argument, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}]}


def _all_but(values: Sequence[int]) -> Iterator[Masked]:
    """Masks that together match every number of 32 bits but these, each number by one: it begins as one of them, and then differs."""
    for bit in reversed(range(32)):
        beginnings = {value >> bit for value in values}
        for other in sorted({beginning ^ 1 for beginning in beginnings} - beginnings):
            yield WHOLE >> bit << bit, other << bit


def _instructions(numbers: Mapping[str, int], architecture: int) -> Iterator[Instruction]:
    yield (LOAD, 0, 0, ARCHITECTURE_OFFSET)
    yield from _unless_equal(architecture, KILL)
    yield (LOAD, 0, 0, CALL_OFFSET)
    # The x32 convention of x86-64 sets bit 30 of each call's number, so that all of its calls are beyond these.
    for first, behind in _ranges(sorted(numbers[name] for name in ALLOWED & numbers.keys())):
        yield from [(GREATER_OR_EQUAL, 0, 2, first), (GREATER_OR_EQUAL, 1, 0, behind), (RETURN, 0, 0, ALLOW)]
    for name, body in (("clone", _clone()), ("ioctl", _ioctl()), ("socket", _socket())):
        yield from _inspect(numbers[name], list(body))
    for name in sorted((REFUSED - UNKNOWN) & numbers.keys()):
        yield from _when(EQUAL, numbers[name], _error(errno.EPERM))
    yield (RETURN, 0, 0, _error(errno.ENOSYS))


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Numbers in order as ranges: the first of each, and the first behind it."""
    begins = [number for number in numbers if number - 1 not in numbers]
    ends = [number + 1 for number in numbers if number + 1 not in numbers]
    return zip(begins, ends, strict=True)


def _inspect(number: int, body: list[Instruction]) -> Iterable[Instruction]:
    """The body runs for this call alone and ends in a return."""
    return [(EQUAL, 0, len(body), number), *body]


def _clone() -> Iterator[Instruction]:
    yield (LOAD, 0, 0, ARGUMENTS_OFFSET)
    yield from _when(ANY_BIT, NEW_NAMESPACES, _error(errno.EPERM))
    yield (RETURN, 0, 0, ALLOW)


def _ioctl() -> Iterator[Instruction]:
    # The kernel looks at the lower half of a request alone, and so must we.
    yield (LOAD, 0, 0, ARGUMENTS_OFFSET + 8)
    for request in TYPE_INTO_TERMINALS:
        yield from _when(EQUAL, request, _error(errno.EPERM))
    yield (RETURN, 0, 0, ALLOW)


def _socket() -> Iterator[Instruction]:
    yield (LOAD, 0, 0, ARGUMENTS_OFFSET)
    for family in SOCKET_FAMILIES:
        yield from _when(EQUAL, family, ALLOW)
    yield (RETURN, 0, 0, _error(errno.EAFNOSUPPORT))


def _when(test: int, value: int, verdict: int) -> Iterable[Instruction]:
    return [(test, 0, 1, value), (RETURN, 0, 0, verdict)]


def _unless_equal(value: int, verdict: int) -> Iterable[Instruction]:
    return [(EQUAL, 1, 0, value), (RETURN, 0, 0, verdict)]


def _error(number: int) -> int:
    return ERROR | number
