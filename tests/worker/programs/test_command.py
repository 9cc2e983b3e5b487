"""The command line of a regression test, by the rules that all workers share."""
from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.runs.worker_suite import SuiteFile
from api.worker.programs.command import Feed, Invocation, SandboxPaths, invocation
from api.worker.run_error import TestRunError
from tests.worker.inputs import a_test

EXECUTABLE, SAMPLE, FOLDER, LOG = Path("/x/ccextractor"), Path("/store/aa.ts"), Path("/tmp/work dir"), Path("/tmp/log")
FILES = (SuiteFile(1, "b" * 64, "aa.srt"), SuiteFile(2, "c" * 64, "aa_1.srt"))


def arguments(command: str, input_type: str = "file", output_type: str = "file") -> list[str]:
    test = a_test(command=command, input_type=input_type, output_type=output_type, files=FILES)
    return list(invocation(test, EXECUTABLE, SAMPLE, FOLDER, LOG).arguments)


@pytest.mark.parametrize("output_type", ["file", "cea708", "multiprogram"])
def test_a_named_output_is_the_expected_name_of_the_first_file(output_type: str) -> None:
    assert arguments("--out=srt -1", output_type=output_type) == [
        "/x/ccextractor", "--out=srt", "-1", "--no-progress-bar", "-o", "/tmp/work dir/aa.srt", "/store/aa.ts"]


@pytest.mark.parametrize("output_type", ["null", "stdout"])
def test_other_outputs_are_not_named(output_type: str) -> None:
    assert arguments("--stdout", output_type=output_type) == ["/x/ccextractor", "--stdout", "--no-progress-bar", "/store/aa.ts"]


def test_a_piped_input_is_not_named() -> None:
    call = invocation(a_test(input_type="stdin", files=FILES), EXECUTABLE, SAMPLE, FOLDER, LOG)

    assert call.stdin == SAMPLE
    assert "/store/aa.ts" not in call.arguments


def test_standard_output_is_the_first_expected_file() -> None:
    call = invocation(a_test(output_type="stdout", files=FILES), EXECUTABLE, SAMPLE, FOLDER, LOG)

    assert call.stdout == FOLDER / "aa.srt"


def test_a_report_is_what_the_program_prints() -> None:
    call = invocation(a_test(command="-out=report", output_type="report", files=FILES), EXECUTABLE, SAMPLE, FOLDER, LOG)

    assert call.stdout == FOLDER / "aa.srt"
    assert "-o" not in call.arguments


def test_where_a_program_sees_another_file_system_it_is_told_of_places_in_that() -> None:
    places = SandboxPaths("/repository/TestFiles", "/repository/TempFiles")

    call = invocation(a_test(command="-1", files=FILES), EXECUTABLE, SAMPLE, FOLDER, LOG, places=places)

    assert call.arguments == (
        "/program/ccextractor", "-1", "--no-progress-bar", "-o", "/repository/TempFiles/aa.srt", "/repository/TestFiles/aa.ts")
    assert [call.place_of(path) for path in (EXECUTABLE, SAMPLE, FOLDER, LOG)] == [
        "/program/ccextractor", "/repository/TestFiles/aa.ts", "/repository/TempFiles", str(LOG)]


def test_an_input_by_udp_is_sent_by_ffmpeg_to_the_port_that_the_program_is_told() -> None:
    feed = Feed(Path("/bin/ffmpeg"), 5004)

    call = invocation(a_test(input_type="udp", files=FILES), EXECUTABLE, SAMPLE, FOLDER, LOG, feed)

    assert call.arguments[-2:] == ("-udp", "5004")
    assert call.sender is not None and call.sender[0] == "/bin/ffmpeg" and call.sender[-1] == "udp://127.0.0.1:5004"


@pytest.mark.parametrize(("input_type", "output_type", "command"), [
    ("udp", "file", "-1"), ("file", "tcp", "-1"),
    ("file", "file", "an 'open quotation"), ("file", "file", "a \\"), ("file", "file", "a\0b"),
])
def test_what_this_worker_cannot_do_is_an_error_of_that_test(input_type: str, output_type: str, command: str) -> None:
    with pytest.raises(TestRunError, match=r"^\[worker\] Regression test 1 cannot be executed: "):
        invocation(a_test(command=command, input_type=input_type, output_type=output_type), EXECUTABLE, SAMPLE, FOLDER, LOG)


def test_nothing_in_a_command_is_meant_for_a_shell() -> None:
    assert arguments("$(rm -rf /) ; `id` > x '$HOME'")[1:8] == ["$(rm", "-rf", "/)", ";", "`id`", ">", "x"]


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=5))
def test_quoted_words_arrive_as_they_are(words: list[str]) -> None:
    call: Invocation = invocation(a_test(command=shlex.join(words), files=FILES), EXECUTABLE, SAMPLE, FOLDER, LOG)

    assert list(call.arguments[1:-4]) == words
