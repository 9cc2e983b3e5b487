"""The filter of system calls, run through a model of the kernel's machine."""
from __future__ import annotations

import errno
import operator
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.sandbox.linux.calls import AARCH64, X86_64
from api.sandbox.linux.seccomp import (
    ALLOW,
    ALLOWED,
    ANY_BIT,
    ARCHITECTURES,
    EQUAL,
    GREATER_OR_EQUAL,
    INSPECTED,
    KILL,
    LOAD,
    REASONS,
    REFUSED,
    RETURN,
    UNKNOWN,
    engine_profile,
    filter_program,
    is_supported,
)

MACHINES = pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
TESTS = {EQUAL: operator.eq, GREATER_OR_EQUAL: operator.ge, ANY_BIT: operator.and_}


def verdict(machine: str, call: int, *arguments: int, architecture: int | None = None) -> int:
    """What the kernel would decide."""
    wanted = ARCHITECTURES[machine][1] if architecture is None else architecture
    seen = struct.pack("=IIQ6Q", call, wanted, 0, *(each & (1 << 64) - 1 for each in (*arguments, *(0,) * (6 - len(arguments)))))
    program = list(struct.iter_unpack("=HBBI", filter_program(machine)))
    at = held = 0
    while True:
        code, if_true, if_false, value = program[at]
        if code == RETURN:
            return int(value)
        if code == LOAD:
            held = struct.unpack_from("=I", seen, value)[0]
            at += 1
        else:
            at += 1 + (if_true if TESTS[code](held, value) else if_false)


def number(machine: str, name: str) -> int:
    return ARCHITECTURES[machine][0][name]


def refused(error: int) -> int:
    return 0x00050000 | error


def engine_verdict(name: str, *arguments: int) -> int:
    """What an engine would have the kernel decide; no two rules of its profile may decide differently of the same."""
    profile = engine_profile()
    found = [rule for rule in profile["syscalls"] if name in rule["names"] and all(
        arguments[each["index"]] & each["value"] == each["valueTwo"] for each in rule.get("args", ()))]
    default = {"action": profile["defaultAction"], "errnoRet": profile["defaultErrnoRet"]}
    verdicts = {ALLOW if rule["action"] == "SCMP_ACT_ALLOW" else refused(rule["errnoRet"]) for rule in found or [default]}
    assert len(verdicts) == 1
    return verdicts.pop()


# A few of the numbers that the kernel documents (man 2 syscalls, and its tables), at the ends of each list and where it has gaps.
@pytest.mark.parametrize(("name", "x86_64", "aarch64"), [
    ("read", 0, 63), ("io_setup", 206, 0), ("ptrace", 101, 117), ("mount", 165, 40), ("accept4", 288, 242), ("recvmmsg", 299, 243),
    ("wait4", 61, 260), ("rseq", 334, 293), ("kexec_file_load", 320, 294), ("pidfd_send_signal", 424, 424), ("clone3", 435, 435),
    ("futex_waitv", 449, 449), ("statmount", 457, 457), ("removexattrat", 466, 466), ("file_setattr", 469, 469)])
def test_calls_have_the_kernels_numbers(name: str, x86_64: int, aarch64: int) -> None:
    assert (X86_64[name], AARCH64[name]) == (x86_64, aarch64)


@MACHINES
def test_each_call_of_the_list_is_refused(machine: str) -> None:
    numbers = ARCHITECTURES[machine][0]
    decided = {name: verdict(machine, numbers[name]) for name in REFUSED if name in numbers}

    assert decided == {name: refused(errno.ENOSYS if name in UNKNOWN else errno.EPERM) for name in decided}
    assert len(decided) > 45


def test_each_call_that_is_refused_is_one_of_the_kernels_and_has_one_reason() -> None:
    listed = [name for names in REASONS.values() for name in names]

    assert sorted(listed) == sorted(REFUSED | INSPECTED)
    assert X86_64.keys() | AARCH64.keys() >= REFUSED | INSPECTED
    assert UNKNOWN <= REFUSED


@MACHINES
def test_every_other_call_that_there_is_is_let_through(machine: str) -> None:
    numbers = ARCHITECTURES[machine][0]

    assert {verdict(machine, numbers[name]) for name in ALLOWED if name in numbers} == {ALLOW}


@MACHINES
@given(call=st.integers(0, (1 << 32) - 1) | st.integers(330, 480))
def test_a_call_that_the_filter_does_not_know_is_unknown(machine: str, call: int) -> None:
    if call not in ARCHITECTURES[machine][0].values():
        assert verdict(machine, call) == refused(errno.ENOSYS)


@MACHINES
@given(
    name=st.sampled_from(sorted(INSPECTED)) | st.sampled_from(sorted(X86_64)),
    arguments=st.tuples(*[st.integers(0, (1 << 64) - 1) | st.integers(0, 12) | st.integers(0x5410, 0x541F)] * 2))
def test_engines_are_told_the_same_rules(machine: str, name: str, arguments: tuple[int, int]) -> None:
    if name in ARCHITECTURES[machine][0]:
        assert engine_verdict(name, *arguments) == verdict(machine, number(machine, name), *arguments)


@MACHINES
@pytest.mark.parametrize("flag", [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000])
def test_no_process_is_born_into_a_new_namespace(machine: str, flag: int) -> None:
    assert verdict(machine, number(machine, "clone"), flag | 17) == refused(errno.EPERM)


@MACHINES
def test_processes_and_threads_are_born_as_ever(machine: str) -> None:
    thread = 0x3D0F00

    assert [verdict(machine, number(machine, "clone"), flags) for flags in (17, thread, 0x1200011)] == [ALLOW] * 3


@MACHINES
@pytest.mark.parametrize("request_number", [0x5412, 0x541C, 0x5412 | 1 << 32, 0x5412 | 0xFF << 56])
def test_nothing_is_typed_into_a_terminal_whatever_stands_in_the_upper_half(machine: str, request_number: int) -> None:
    assert verdict(machine, number(machine, "ioctl"), 0, request_number) == refused(errno.EPERM)


@MACHINES
def test_other_requests_to_devices_are_let_through(machine: str) -> None:
    assert verdict(machine, number(machine, "ioctl"), 0x5412, 0x5413) == ALLOW


@MACHINES
@given(family=st.integers(0, (1 << 32) - 1))
def test_sockets_are_local_or_of_the_internet(machine: str, family: int) -> None:
    assert verdict(machine, number(machine, "socket"), family) == (ALLOW if family in (1, 2, 10) else refused(errno.EAFNOSUPPORT))


@MACHINES
def test_a_call_in_another_architectures_numbers_ends_the_program(machine: str) -> None:
    i386 = 0x40000003

    assert verdict(machine, 1, architecture=i386) == KILL


def test_an_unknown_processor_has_no_filter() -> None:
    assert not is_supported("riscv64")
    assert is_supported("x86_64")
