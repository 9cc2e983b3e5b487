"""The filter of system calls, run through a model of the kernel's machine."""
from __future__ import annotations

import errno
import operator
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.sandbox.seccomp import (
    ALLOW,
    ANY_BIT,
    ARCHITECTURES,
    EQUAL,
    GREATER_OR_EQUAL,
    INSPECTED,
    KILL,
    LOAD,
    NUMBERS,
    REASONS,
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
    found = NUMBERS[name][ARCHITECTURES[machine][0]]
    assert found is not None
    return found


def refused(error: int) -> int:
    return 0x00050000 | error


@MACHINES
def test_each_call_of_the_list_is_refused(machine: str) -> None:
    column = ARCHITECTURES[machine][0]
    decided = {
        name: verdict(machine, numbers[column]) for name, numbers in NUMBERS.items()
        if numbers[column] is not None and name not in INSPECTED}

    assert decided == {name: refused(errno.ENOSYS if name in UNKNOWN else errno.EPERM) for name in decided}
    assert len(decided) > 45


def test_each_call_is_listed_for_one_reason() -> None:
    listed = [name for names in REASONS.values() for name in names]

    assert sorted(listed) == sorted(NUMBERS)


@MACHINES
@given(call=st.integers(0, 466), arguments=st.lists(st.integers(0, (1 << 64) - 1), max_size=6))
def test_every_other_call_is_let_through(machine: str, call: int, arguments: list[int]) -> None:
    column = ARCHITECTURES[machine][0]
    if call in {numbers[column] for numbers in NUMBERS.values()}:
        return

    assert verdict(machine, call, *arguments) == ALLOW


@MACHINES
@given(call=st.integers(467, (1 << 32) - 1))
def test_a_call_that_the_filter_does_not_know_is_unknown(machine: str, call: int) -> None:
    assert verdict(machine, call) == refused(errno.ENOSYS)


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


def test_the_profile_for_engines_names_the_same_calls() -> None:
    named = {name for rule in engine_profile()["syscalls"] for name in rule["names"]}

    assert named == set(NUMBERS)
