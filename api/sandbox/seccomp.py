"""The system calls that a job may not make, as a BPF filter and as a profile for container engines.

The filter lets through what a build or a test needs and refuses what reaches beyond the sandbox: other processes' memory, mounts,
namespaces, keys, the kernel's modules and tracing, and kinds of sockets that no network namespace holds back.

Not libseccomp: its Python bindings need the library on the host, and bubblewrap and the engines take a finished filter.
"""
from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable, Iterator
from typing import Any

# The numbers of the calls, on x86-64 and on 64-bit ARM; None where the architecture has no such call.
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438), "kcmp": (312, 272),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "fanotify_init": (300, 262), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430), "fsmount": (432, 432), "fsconfig": (431, 431),
    "fspick": (433, 433), "mount_setattr": (442, 442), "setns": (308, 268), "unshare": (272, 97), "chroot": (161, 51),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "nfsservctl": (180, 42), "personality": (135, 92), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264), "lookup_dcookie": (212, 18), "syslog": (103, 116), "iopl": (172, None), "ioperm": (173, None),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "clone": (56, 220),
    "clone3": (435, 435), "ioctl": (16, 29), "socket": (41, 198), "memfd_secret": (447, 447), "modify_ldt": (154, None),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183), "mq_notify": (244, 184), "mq_getsetattr": (245, 185), "vmsplice": (278, 75),
    "statmount": (457, 457), "listmount": (458, 458), "lsm_get_self_attr": (459, 459), "lsm_set_self_attr": (460, 460),
    "lsm_list_modules": (461, 461), "fanotify_mark": (301, 263), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "vhangup": (153, 58), "uselib": (134, None), "_sysctl": (156, None),
    "sysfs": (139, None), "ustat": (136, None), "create_module": (174, None), "get_kernel_syms": (177, None), "query_module": (178, None),
}
# Why each is refused, or looked at.
REASONS: dict[str, tuple[str, ...]] = {
    "reads or changes other processes": (
        "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "migrate_pages", "move_pages", "process_madvise",
        "process_mrelease"),
    "keeps keys beyond the process": ("keyctl", "add_key", "request_key"),
    "runs code in the kernel, or watches it": ("bpf", "perf_event_open", "userfaultfd", "syslog"),
    "sees what others do with files": ("fanotify_init", "fanotify_mark"),
    "changes or shows mounts": (
        "mount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr", "chroot",
        "statmount", "listmount", "ustat", "sysfs"),
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
NEW_NAMESPACES = 0x7E020000
TYPE_INTO_TERMINALS = (0x5412, 0x541C)
SOCKET_FAMILIES = (1, 2, 10)
# Calls younger than this filter are unknown to it, and so to the job.
NEWEST_CALL = 466

LOAD, EQUAL, GREATER_OR_EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
CALL_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

Instruction = tuple[int, int, int, int]


def is_supported(machine: str | None = None) -> bool:
    """Whether there is a filter for this kind of processor."""
    return (machine or platform.machine()) in ARCHITECTURES


def filter_program(machine: str | None = None) -> bytes:
    """The filter as the kernel takes it: instructions of eight bytes. Raises KeyError for an unsupported processor."""
    column, architecture = ARCHITECTURES[machine or platform.machine()]
    return b"".join(struct.pack("=HBBI", *each) for each in _instructions(column, architecture))


def engine_profile() -> dict[str, Any]:
    """The same rules in the format of Docker's profiles. An engine passes over the names that its libseccomp does not know."""
    names = sorted(set(NUMBERS) - INSPECTED - UNKNOWN)
    error = "SCMP_ACT_ERRNO"
    flagged = [
        {"names": ["clone"], "action": error, "errnoRet": errno.EPERM, "args": [_masked(0, 1 << bit)]}
        for bit in range(32) if NEW_NAMESPACES >> bit & 1]
    typing = [
        {"names": ["ioctl"], "action": error, "errnoRet": errno.EPERM, "args": [_masked(1, 0xFFFFFFFF, number)]}
        for number in TYPE_INTO_TERMINALS]
    sockets = [
        {"names": ["socket"], "action": error, "errnoRet": errno.EAFNOSUPPORT, "args": [{"index": 0, "value": number, "op": operator}]}
        for number, operator in _other_families()]
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [
            {"names": names, "action": error, "errnoRet": errno.EPERM},
            {"names": sorted(UNKNOWN), "action": error, "errnoRet": errno.ENOSYS}, *flagged, *typing, *sockets],
    }


def _masked(index: int, mask: int, value: int | None = None) -> dict[str, Any]:
    return {"index": index, "value": mask, "valueTwo": mask if value is None else value, "op": "SCMP_CMP_MASKED_EQ"}


def _other_families() -> Iterator[tuple[int, str]]:
    for number in range(max(SOCKET_FAMILIES)):
        if number not in SOCKET_FAMILIES:
            yield number, "SCMP_CMP_EQ"
    yield max(SOCKET_FAMILIES), "SCMP_CMP_GT"


def _instructions(column: int, architecture: int) -> Iterator[Instruction]:
    yield (LOAD, 0, 0, ARCHITECTURE_OFFSET)
    yield from _unless_equal(architecture, KILL)
    yield (LOAD, 0, 0, CALL_OFFSET)
    # The x32 convention of x86-64 sets bit 30 of each call's number, so that all of its calls are beyond the newest one too.
    yield from _when(GREATER_OR_EQUAL, NEWEST_CALL + 1, _error(errno.ENOSYS))
    for name, numbers in NUMBERS.items():
        number = numbers[column]
        if number is not None and name not in INSPECTED:
            yield from _when(EQUAL, number, _error(errno.ENOSYS if name in UNKNOWN else errno.EPERM))
    for name, body in (("clone", _clone()), ("ioctl", _ioctl()), ("socket", _socket())):
        number = NUMBERS[name][column]
        assert number is not None
        yield from _inspect(number, list(body))
    yield (RETURN, 0, 0, ALLOW)


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
